/* What the tests of src/elf read: a function, an object, and a name that ends like another. */
int sample_object(void);
int another_sample_object(void);
extern const char sample_text[];

const char sample_text[] = "seen through the ELF file";

int another_sample_object(void)
{
    return 1;
}

int sample_object(void)
{
    return 2;
}
