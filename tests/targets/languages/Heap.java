import java.util.HashMap;

// A heap of objects that are known: says "ready" once they are there, and counts on, so that one sees it live.
public class Heap {
    static class Known {
        int number;
    }

    static class Garbage {
        long[] filling = new long[4];
    }

    static class Link {
        Link next;
    }

    static Object[] known;
    static Link chain;
    static HashMap<Integer, String> names = new HashMap<>();
    static byte[][] filling;

    static void waste(int count) {
        for (int i = 0; i < count; i++)
            new Garbage();
    }

    public static void main(String[] arguments) throws Exception {
        known = new Object[Integer.parseInt(arguments[0])];
        for (int i = 0; i < known.length; i++)
            known[i] = new Known();
        for (int i = 0; i < 4321; i++) {
            Link link = new Link();
            link.next = chain;
            chain = link;
            names.put(i, "name " + i);
        }
        filling = new byte[Integer.parseInt(arguments[1])][];
        for (int i = 0; i < filling.length; i++)
            filling[i] = new byte[1 << 20];
        waste(777);
        System.out.println("ready");
        for (long beat = 1; ; beat++) {
            Thread.sleep(10);
            System.out.println(beat);
        }
    }
}
