// Programs at both ends of virtio-vsock's connections, with bytes that tell where they belong. Each serves all of its
// connections in one process: a thousand processes would keep a small guest busier than their connections do.

#define _GNU_SOURCE
#include "guest_tools.h"
#include "pattern.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { piece = 1 << 16, most_events = 64 };

static struct sockaddr_vm address(unsigned cid, const char *port) {
    return (struct sockaddr_vm){
        .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = (unsigned)strtoul(port, NULL, 10)};
}

/// Lets this process have as many connections as it may.
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/// Changes what a connection waits for.
static void watch(int events, int operation, int socket, uint32_t wanted, void *connection) {
    struct epoll_event event = {.events = wanted, .data.ptr = connection};
    if (epoll_ctl(events, operation, socket, &event) != 0) {
        perror("epoll_ctl");
        exit(1);
    }
}

// MARK: vsock-echo

/// A connection, and what came on it and has not gone back yet.
struct client {
    int socket;
    size_t start, end;
    char bytes[piece];
};

static bool take_client(int events, int listener) {
    int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client = socket < 0 ? NULL : malloc(sizeof *client);
    if (client == NULL) {
        perror("vsock-echo: accept");
        return false;
    }
    client->socket = socket;
    client->start = client->end = 0;
    watch(events, EPOLL_CTL_ADD, socket, EPOLLIN, client);
    return true;
}

/// Moves what can be moved; false at the connection's end.
static bool send_back(int events, struct client *client) {
    bool was_empty = client->start == client->end;
    if (was_empty) {
        ssize_t count = recv(client->socket, client->bytes, sizeof client->bytes, 0);
        if (count <= 0)
            return count < 0 && errno == EAGAIN;
        client->start = 0;
        client->end = (size_t)count;
    }
    ssize_t sent = send(client->socket, client->bytes + client->start, client->end - client->start, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return false;
    client->start += sent > 0 ? (size_t)sent : 0;
    bool is_empty = client->start == client->end;
    if (is_empty != was_empty)
        watch(events, EPOLL_CTL_MOD, client->socket, is_empty ? EPOLLIN : EPOLLOUT, client);
    return true;
}

int vsock_echo(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: vsock-echo PORT\n");
        return 64;
    }
    raise_descriptor_limit();
    struct sockaddr_vm place = address(VMADDR_CID_ANY, arguments[1]);
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), events = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || bind(listener, (struct sockaddr *)&place, sizeof place) != 0 || listen(listener, 4096) != 0) {
        perror("vsock-echo");
        return 1;
    }
    watch(events, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
    printf("listening\n");
    fflush(stdout);
    for (struct epoll_event ready[most_events];;) {
        int number = epoll_wait(events, ready, most_events, -1);
        for (int index = 0; index < number; index++) {
            struct client *client = ready[index].data.ptr;
            if (client == NULL) {
                if (!take_client(events, listener))
                    return 1;
            } else if (!send_back(events, client)) {
                shutdown(client->socket, SHUT_WR);
                close(client->socket);
                free(client);
            }
        }
    }
}

// MARK: vsock-send

/// A connection that sends a pattern of its own, and expects it back.
struct transfer {
    int socket;
    uint64_t seed;
    size_t sent, received;
};

/// Bytes of a pattern from an offset on, at most a piece of them, until the next call.
static const char *pattern_bytes(uint64_t seed, size_t offset, size_t size) {
    static uint64_t words[piece / 8 + 1];
    for (size_t index = 0; index * 8 < offset % 8 + size; index++)
        words[index] = pattern_word(seed, offset / 8 + index);
    return (const char *)words + offset % 8;
}

static bool send_some(int events, struct transfer *transfer, size_t size) {
    size_t left = size - transfer->sent, length = left < piece ? left : piece;
    const char *bytes = pattern_bytes(transfer->seed, transfer->sent, length);
    ssize_t done = send(transfer->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0)
        return errno == EAGAIN;
    transfer->sent += (size_t)done;
    if (transfer->sent == size) {
        shutdown(transfer->socket, SHUT_WR);
        watch(events, EPOLL_CTL_MOD, transfer->socket, EPOLLIN, transfer);
    }
    return true;
}

enum progress { goes_on, is_intact, is_broken };

static enum progress receive_some(struct transfer *transfer, size_t size) {
    static char bytes[piece];
    ssize_t done = recv(transfer->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (done < 0)
        return errno == EAGAIN ? goes_on : is_broken;
    if (done == 0)
        return transfer->received == size ? is_intact : is_broken;
    if (memcmp(bytes, pattern_bytes(transfer->seed, transfer->received, (size_t)done), (size_t)done) != 0)
        return is_broken;
    transfer->received += (size_t)done;
    return transfer->received <= size ? goes_on : is_broken;
}

/// Moves all that there is to move, on all connections.
///
/// Returns how many of them got all their bytes back, and the end of them.
static size_t exchange(int events, size_t connections, size_t size) {
    size_t intact = 0;
    for (struct epoll_event ready[most_events]; connections > 0;) {
        int number = epoll_wait(events, ready, most_events, -1);
        for (int index = 0; index < number; index++) {
            struct transfer *transfer = ready[index].data.ptr;
            enum progress progress = goes_on;
            if (ready[index].events & ~(uint32_t)EPOLLOUT)
                progress = receive_some(transfer, size);
            if (progress == goes_on && transfer->sent < size && ready[index].events & EPOLLOUT &&
                !send_some(events, transfer, size))
                progress = is_broken;
            if (progress == goes_on)
                continue;
            close(transfer->socket);
            intact += progress == is_intact;
            connections--;
        }
    }
    return intact;
}

/// Returns a connection to a port of the host, or -1.
static int connect_to(const struct sockaddr_vm *place) {
    int peer = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // By itself, Linux gives up after two seconds: too soon where a slow host has many to connect at once.
    struct timeval patience = {.tv_sec = 60};
    setsockopt(peer, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience);
    if (connect(peer, (const struct sockaddr *)place, sizeof *place) == 0)
        return peer;
    perror("vsock-send: connect");
    return -1;
}

int vsock_send(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: vsock-send PORT SIZE CONNECTIONS\n");
        return 64;
    }
    raise_descriptor_limit();
    size_t size = strtoull(arguments[2], NULL, 10), connections = strtoull(arguments[3], NULL, 10);
    struct sockaddr_vm place = address(VMADDR_CID_HOST, arguments[1]);
    struct transfer *transfers = calloc(connections, sizeof *transfers);
    int events = epoll_create1(EPOLL_CLOEXEC);
    if (events < 0 || transfers == NULL) {
        perror("vsock-send");
        return 1;
    }
    // All begin when all are connected.
    for (size_t number = 0; number < connections; number++) {
        transfers[number] = (struct transfer){.socket = connect_to(&place), .seed = number};
        if (transfers[number].socket < 0)
            return 1;
    }
    printf("all %zu connected\n", connections);
    fflush(stdout);
    for (size_t number = 0; number < connections; number++)
        watch(events, EPOLL_CTL_ADD, transfers[number].socket, EPOLLIN | EPOLLOUT, &transfers[number]);
    size_t intact = exchange(events, connections, size);
    printf("intact %zu\n", intact);
    return intact == connections ? 0 : 1;
}
