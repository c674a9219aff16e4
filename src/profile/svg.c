/* A flame graph as one SVG file: a box for each function with all that it called on top of it, as wide as its
 * share of the samples. It needs no other file. Where scripts don't run, as in <img>, it stands still, with
 * everything that is wide enough to be seen. Names come from targets: nothing of them may reach the document
 * but as text. */
#include "profile/assets.h"
#include "profile/drain.h"
#include "profile/formats.h"
#include "profile/tree.h"

#include <inttypes.h>
#include <string.h>

enum {
    WIDTH = 1200, /* of the drawing; it scales. flame.js knows these two */
    LEFT = 10,
    BOXES = WIDTH - 2 * LEFT,
    HEAD = 64,
    FOOT = 26,
    ROW = 16,
    COLORS = 8,
};
static const double least_width = 0.25, letter_width = 7.3;

struct drawing {
    const struct profile *profile;
    struct tree tree;
    struct sink *sink;
    struct buffer out;
    unsigned rows;
    uint64_t left_out; /* boxes */
};

static void drawing_release(struct drawing *drawing)
{
    tree_release(&drawing->tree);
    buffer_release(&drawing->out);
}

/* Text of UTF-8 as XML's: what can't be in it at all becomes U+FFFD. letters: at most so many. */
static int append_escaped(struct buffer *out, const char *text, size_t letters)
{
    int r = 0;

    for (const unsigned char *at = (const unsigned char *)text; r == 0 && *at; at++) {
        bool begins = (*at & 0xc0) != 0x80;

        if (begins && letters-- == 0)
            break;
        if (*at == '&')
            r = buffer_append_string(out, "&amp;");
        else if (*at == '<')
            r = buffer_append_string(out, "&lt;");
        else if (*at == '>')
            r = buffer_append_string(out, "&gt;");
        else if (*at == '"')
            r = buffer_append_string(out, "&quot;");
        else if (*at == '\t' || *at == '\n' || *at == '\r')
            r = buffer_append_string(out, " ");
        else if (*at < ' ' || *at == 0x7f)
            r = buffer_append_string(out, "\xef\xbf\xbd");
        else if (*at == 0xef && at[1] == 0xbf && at[2] >= 0xbe) { /* U+FFFE, U+FFFF */
            r = buffer_append_string(out, "\xef\xbf\xbd");
            at += 2;
        } else
            r = buffer_append(out, at, 1);
    }
    return r;
}

static size_t letters_of(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += (*text & 0xc0) != 0x80;
    return count;
}

static double width_of(const struct drawing *drawing, uint64_t samples)
{
    uint64_t all = drawing->tree.items[0].total;

    return all ? (double)samples / (double)all * BOXES : BOXES;
}

static bool is_drawn(const struct drawing *drawing, uint32_t node)
{
    return node == 0 || width_of(drawing, drawing->tree.items[node].total) >= least_width;
}

static int measure(void *context, uint32_t node, unsigned depth, uint64_t before)
{
    struct drawing *drawing = context;

    (void)before;
    if (!is_drawn(drawing, node)) {
        drawing->left_out += drawing->tree.items[node].total > 0;
        return 0;
    }
    if (depth + 1 > drawing->rows)
        drawing->rows = depth + 1;
    return 1;
}

/* Functions of one module have one color, those of the kernel another. */
static void class_of(const struct drawing *drawing, uint32_t node, char ret_class[8])
{
    const struct symbol *symbol;

    (void)snprintf(ret_class, 8, "o");
    if (node == 0)
        return;
    symbol = &drawing->tree.symbols.items[drawing->tree.items[node].symbol];
    if (drawing->profile->frames.items[symbol->frame].kernel)
        (void)snprintf(ret_class, 8, "k");
    else if (symbol->frame >= FRAMES_OWN)
        (void)snprintf(ret_class, 8, "c%u", symbol->module % COLORS);
}

static int put_label(struct drawing *drawing, const char *label, double x, double y, double width)
{
    size_t letters = letters_of(label), room = width > 6 ? (size_t)((width - 6) / letter_width) : 0;
    struct buffer *out = &drawing->out;
    int r;

    if (room < 3)
        return 0;
    r = buffer_append_format(out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3, y + 11.5);
    if (r == 0)
        r = append_escaped(out, label, letters <= room ? letters : room - 2);
    return r == 0 ? buffer_append_string(out, letters <= room ? "</text>" : "..</text>") : r;
}

static int put_box(void *context, uint32_t node, unsigned depth, uint64_t before)
{
    struct drawing *drawing = context;
    uint64_t all = drawing->tree.items[0].total, samples = drawing->tree.items[node].total;
    double x = LEFT + (all ? width_of(drawing, before) : 0), width = width_of(drawing, samples);
    unsigned y = HEAD + (drawing->rows - 1 - depth) * ROW;
    struct buffer *out = &drawing->out;
    char label[PROFILE_LABEL_SIZE] = "all", class[8];
    int r;

    if (!is_drawn(drawing, node))
        return 0;
    if (node != 0)
        profile_frame_label(drawing->profile,
                            drawing->tree.symbols.items[drawing->tree.items[node].symbol].frame, label,
                            sizeof label);
    class_of(drawing, node, class);
    r = buffer_append_format(out, "<g class=\"f %s\"><title>", class);
    if (r == 0)
        r = append_escaped(out, label, SIZE_MAX);
    if (r == 0)
        r = buffer_append_format(out, " (%" PRIu64 " samples, %.2f%%)</title>", samples,
                                 all ? 100.0 * (double)samples / (double)all : 0);
    if (r == 0)
        r = buffer_append_format(out, "<rect x=\"%.4f\" y=\"%u\" width=\"%.4f\" height=\"%d\" rx=\"1.5\"/>",
                                 x, y, width, ROW - 1);
    if (r == 0)
        r = put_label(drawing, label, x, y, width);
    if (r == 0)
        r = buffer_append_string(out, "</g>\n");
    if (r == 0)
        r = buffer_drain(out, drawing->sink, DRAIN_SIZE);
    return r < 0 ? r : 1;
}

static int put_title(struct drawing *drawing)
{
    const struct profile *profile = drawing->profile;
    int r = append_escaped(&drawing->out, *profile->facts.name ? profile->facts.name : "process", SIZE_MAX);

    if (r == 0)
        r = buffer_append_format(&drawing->out, " (%d): %s, %" PRIu64 " samples in %.1f s",
                                 (int)profile->facts.pid,
                                 profile->facts.what == PROFILE_WALL ? "wall time" : "CPU time",
                                 profile->samples, (double)profile->duration / 1e9);
    if (r == 0 && profile->lost)
        r = buffer_append_format(&drawing->out, ", %" PRIu64 " more were lost", profile->lost);
    return r;
}

static int put_head(struct drawing *drawing)
{
    unsigned height = HEAD + drawing->rows * ROW + FOOT;
    struct buffer *out = &drawing->out;
    int r =
        buffer_append_format(out,
                             "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %u\" width=\"%d\" "
                             "height=\"%u\">\n<title>",
                             WIDTH, height, WIDTH, height);

    if (r == 0)
        r = put_title(drawing);
    if (r == 0)
        r = buffer_append_format(out,
                                 "</title>\n<style>\n%s</style>\n"
                                 "<rect id=\"paper\" width=\"100%%\" height=\"100%%\"/>\n"
                                 "<text class=\"head\" x=\"%d\" y=\"24\">",
                                 asset_flame_css, LEFT);
    if (r == 0)
        r = put_title(drawing);
    if (r == 0)
        r = buffer_append_format(out, "</text>\n<text class=\"faint\" x=\"%d\" y=\"44\">", LEFT);
    if (r == 0)
        r = append_escaped(out, drawing->profile->facts.how, SIZE_MAX);
    if (r == 0 && drawing->left_out)
        r = buffer_append_format(out, " Left out, as too narrow: %" PRIu64 ".", drawing->left_out);
    if (r == 0) /* gone until the script runs */
        r = buffer_append_format(out,
                                 "</text>\n<text id=\"reset\" class=\"button gone\" x=\"%d\" y=\"44\" "
                                 "text-anchor=\"end\">zoom out</text>\n"
                                 "<text id=\"search\" class=\"button gone\" x=\"%d\" y=\"24\" "
                                 "text-anchor=\"end\">search</text>\n",
                                 WIDTH - LEFT, WIDTH - LEFT);
    return r;
}

static int put_foot(struct drawing *drawing)
{
    unsigned y = HEAD + drawing->rows * ROW + 18;
    int r = buffer_append_format(&drawing->out,
                                 "<text id=\"detail\" class=\"faint\" x=\"%d\" y=\"%u\"> </text>\n"
                                 "<text id=\"found\" x=\"%d\" y=\"%u\" text-anchor=\"end\"> </text>\n"
                                 "<script><![CDATA[\n%s]]></script>\n</svg>\n",
                                 LEFT, y, WIDTH - LEFT, y, asset_flame_js);

    return r == 0 ? buffer_drain(&drawing->out, drawing->sink, 0) : r;
}

int profile_write_svg(const struct profile *profile, struct sink *sink)
{
    _cleanup_(drawing_release) struct drawing drawing = {.profile = profile, .sink = sink};
    int r = tree_of(profile, &drawing.tree);

    if (r == 0)
        r = tree_walk(&drawing.tree, measure, &drawing);
    if (r == 0)
        r = put_head(&drawing);
    if (r == 0)
        r = tree_walk(&drawing.tree, put_box, &drawing);
    return r == 0 ? put_foot(&drawing) : r;
}
