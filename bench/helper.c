/* The programs of the benchmark.
 *
 * helper stamp FILE          append "<CLOCK_MONOTONIC ns> <pid>", 32 bytes in one write, to FILE; then sleep for ever
 * helper spew FILE BYTES     write so many bytes of numbered lines to stdout, 64 KiB a write, with a stamp in FILE
 *                            before the first; then sleep for ever
 * helper move FILE PIPE      splice stdin, a pipe set to PIPE bytes, to FILE until its end: what a log costs at least */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE 128
#define CHUNK 65536

static int stamp(const char *file) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char record[40];
    snprintf(record, sizeof record, "%020lld %010d\n", now.tv_sec * 1000000000LL + now.tv_nsec, getpid());
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    return fd < 0 || write(fd, record, 32) != 32 || close(fd);
}

static int spew(const char *file, long long bytes) {
    static char chunk[CHUNK];
    if (stamp(file)) return 3;
    memset(chunk, 'x', CHUNK);
    for (long long done = 0, line = 0; done < bytes; done += CHUNK) {
        for (int at = 0; at < CHUNK; at += LINE, line++) {
            char *digits = chunk + at;
            long long n = line;
            for (int d = 11; d >= 0; d--, n /= 10) digits[d] = '0' + n % 10;
            digits[12] = ' ';
            digits[LINE - 1] = '\n';
        }
        for (int at = 0; at < CHUNK;) {
            ssize_t n = write(1, chunk + at, CHUNK - at);
            if (n <= 0) return 4;
            at += n;
        }
    }
    return 0;
}

static int move(const char *file, int pipe) {
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    fcntl(0, F_SETPIPE_SZ, pipe);
    for (;;) {
        ssize_t n = splice(0, 0, fd, 0, 1 << 20, SPLICE_F_MOVE);
        if (n <= 0) return n < 0;
    }
}

int main(int argc, char **argv) {
    int failed = 2;
    if (argc == 3 && !strcmp(argv[1], "stamp")) failed = stamp(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "spew")) failed = spew(argv[2], atoll(argv[3]));
    if (argc == 4 && !strcmp(argv[1], "move")) return move(argv[2], atoi(argv[3]));
    if (failed) return failed;
    for (;;) pause();
}
