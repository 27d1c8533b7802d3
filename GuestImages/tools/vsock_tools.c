// Programs at both ends of virtio-vsock's connections, with bytes that tell where they belong.

#define _GNU_SOURCE
#include "guest_tools.h"
#include "pattern.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { piece = 1 << 16 };

static struct sockaddr_vm address(unsigned cid, const char *port) {
    return (struct sockaddr_vm){
        .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = (unsigned)strtoul(port, NULL, 10)};
}

/// Sends back what comes, until the end of it.
static void echo(int socket) {
    static char bytes[piece];
    for (ssize_t count; (count = read(socket, bytes, sizeof bytes)) > 0;)
        for (ssize_t done = 0, sent; done < count; done += sent)
            if ((sent = write(socket, bytes + done, (size_t)(count - done))) <= 0)
                exit(1);
    shutdown(socket, SHUT_WR);
    exit(0);
}

int vsock_echo(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: vsock-echo PORT\n");
        return 64;
    }
    signal(SIGCHLD, SIG_IGN);
    struct sockaddr_vm place = address(VMADDR_CID_ANY, arguments[1]);
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&place, sizeof place) != 0 || listen(listener, 4096) != 0) {
        perror("vsock-echo");
        return 1;
    }
    printf("listening\n");
    fflush(stdout);
    for (;;) {
        int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (socket < 0) {
            perror("vsock-echo: accept");
            return 1;
        }
        pid_t child = fork();
        if (child == 0) {
            close(listener);
            echo(socket);
        }
        if (child < 0)
            perror("vsock-echo: fork");
        close(socket);
    }
}

/// Sends the pattern of a seed, and expects it back; false where something else comes.
static bool exchange(int socket, size_t size, uint64_t seed) {
    static uint64_t out[piece / 8], in[piece / 8];
    size_t sent = 0, received = 0;
    while (received < size) {
        struct pollfd wait = {.fd = socket, .events = (short)(POLLIN | (sent < size ? POLLOUT : 0))};
        if (poll(&wait, 1, -1) < 0)
            return false;
        if (wait.revents & POLLOUT) {
            // Whole words, from where the last piece ended.
            size_t left = size - sent < piece ? size - sent : piece, words = (left + sent % 8 + 7) / 8;
            if (words > piece / 8)
                words = piece / 8;
            for (size_t index = 0; index < words; index++)
                out[index] = pattern_word(seed, sent / 8 + index);
            if (left > words * 8 - sent % 8)
                left = words * 8 - sent % 8;
            ssize_t done = send(socket, (char *)out + sent % 8, left, MSG_DONTWAIT);
            if (done < 0 && errno != EAGAIN)
                return false;
            if (done > 0 && (sent += (size_t)done) == size)
                shutdown(socket, SHUT_WR);
        }
        if (wait.revents & ~POLLOUT) {
            ssize_t done = recv(socket, in, sizeof in, MSG_DONTWAIT);
            if (done == 0 || (done < 0 && errno != EAGAIN))
                return false;
            for (ssize_t index = 0; index < done; index++, received++) {
                uint64_t word = pattern_word(seed, received / 8);
                if (((unsigned char *)in)[index] != (unsigned char)(word >> 8 * (received % 8)))
                    return false;
            }
        }
    }
    return recv(socket, in, sizeof in, 0) == 0;
}

int vsock_send(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: vsock-send PORT SIZE CONNECTIONS\n");
        return 64;
    }
    size_t size = strtoull(arguments[2], NULL, 10), connections = strtoull(arguments[3], NULL, 10);
    struct sockaddr_vm place = address(VMADDR_CID_HOST, arguments[1]);
    int ready[2], start[2];
    if (pipe(ready) != 0 || pipe(start) != 0)
        return 1;
    for (size_t number = 0; number < connections; number++) {
        pid_t child = fork();
        if (child < 0) {
            perror("vsock-send: fork");
            return 1;
        }
        if (child > 0)
            continue;
        close(start[1]);
        int peer = socket(AF_VSOCK, SOCK_STREAM, 0);
        // By itself, Linux gives up after two seconds: too soon where a slow host has many to connect at once.
        struct timeval patience = {.tv_sec = 60};
        setsockopt(peer, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience);
        bool is_connected = connect(peer, (struct sockaddr *)&place, sizeof place) == 0;
        if (!is_connected)
            perror("vsock-send: connect");
        // All begin when all are connected.
        char byte = 0;
        if (write(ready[1], &byte, 1) != 1 || read(start[0], &byte, 1) != 0)
            exit(1);
        exit(is_connected && exchange(peer, size, number) ? 0 : 1);
    }
    char byte;
    for (size_t number = 0; number < connections; number++)
        if (read(ready[0], &byte, 1) != 1)
            return 1;
    printf("all %zu connected\n", connections);
    fflush(stdout);
    close(start[0]);
    close(start[1]);
    size_t intact = 0;
    for (int status; wait(&status) > 0;)
        intact += status == 0;
    printf("intact %zu\n", intact);
    return intact == connections ? 0 : 1;
}
