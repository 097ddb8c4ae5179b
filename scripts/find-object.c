/*
 * _dl_find_object for a C library that has none: where the unwind table of an address is. gcc's unwinder asks for it
 * when it was built against glibc 2.35 or newer. For static binaries built by scripts/build-static.
 */
#include <link.h>
#include <pthread.h>

struct dl_find_object {
    unsigned long long flags;
    void *map_start, *map_end, *link_map, *eh_frame;
    unsigned long long reserved[7];
};

struct wanted {
    ElfW(Addr) address;
    struct dl_find_object *result;
};

static int look(struct dl_phdr_info *object, size_t size, void *data)
{
    struct wanted *wanted = data;
    const ElfW(Phdr) *header = object->dlpi_phdr, *table = 0;
    ElfW(Addr) low = -1, high = 0;
    int inside = 0;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++, header++) {
        if (header->p_type == PT_LOAD) {
            ElfW(Addr) start = object->dlpi_addr + header->p_vaddr, end = start + header->p_memsz;
            if (start < low)
                low = start;
            if (end > high)
                high = end;
            if (wanted->address >= start && wanted->address < end)
                inside = 1;
        } else if (header->p_type == PT_GNU_EH_FRAME) {
            table = header;
        }
    }
    if (!inside || !table)
        return 0;
    *wanted->result = (struct dl_find_object){
        .map_start = (void *)low,
        .map_end = (void *)high,
        .eh_frame = (void *)(object->dlpi_addr + table->p_vaddr),
    };
    return 1;
}

int _dl_find_object(void *address, struct dl_find_object *result)
{
    struct wanted wanted = { (ElfW(Addr))address, result };
    return dl_iterate_phdr(look, &wanted) ? 0 : -1;
}

/* The unwinder refers to these weakly: all of them are to be in the binary, or none. */
void *const taskmaster_keep_threads[] = {
    (void *)pthread_key_create, (void *)pthread_getspecific, (void *)pthread_setspecific,
    (void *)pthread_mutex_lock, (void *)pthread_mutex_unlock, (void *)pthread_once,
};
