#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct start {
    void (*body)(void *);
    void *argument;
    // What the host shows of a name (TASK_COMM_LEN).
    char name[16];
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    // A thread names itself by one system call, others only by way of /proc.
    pthread_setname_np(pthread_self(), start.name);
    start.body(start.argument);
    return NULL;
}

int cl_thread_create(pthread_t *thread, const char *name, size_t stack_size, int unblocked, void (*body)(void *),
                     void *argument) {
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return ENOMEM;
    *start = (struct start){.body = body, .argument = argument};
    strncpy(start->name, name, sizeof start->name - 1);

    // A thread inherits the mask of its maker: block first, so that no signal slips in before it runs.
    sigset_t blocked, previous;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGILL);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGTRAP);
    sigdelset(&blocked, SIGABRT);
    if (unblocked != 0)
        sigdelset(&blocked, unblocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &previous);

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack_size != 0)
        pthread_attr_setstacksize(&attributes, stack_size);
    int result = pthread_create(thread, &attributes, run, start);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (result != 0)
        free(start);
    return result;
}

int cl_thread_id(void) {
    return gettid();
}

int cl_kick_signal(void) {
    return SIGRTMIN;
}

int cl_kick_thread(pthread_t thread) {
    return pthread_kill(thread, cl_kick_signal());
}

static struct sigaction previous_kick;

static void handle_kick(int signal, siginfo_t *info, void *context) {
    // Being delivered is all that a kick is for: KVM_RUN returns EINTR. Those of others go to whom they are for.
    if (info->si_code == SI_TKILL && info->si_pid == getpid())
        return;
    if (previous_kick.sa_flags & SA_SIGINFO)
        previous_kick.sa_sigaction(signal, info, context);
    else if (previous_kick.sa_handler != SIG_DFL && previous_kick.sa_handler != SIG_IGN)
        previous_kick.sa_handler(signal);
}

static int install_result;

static void install(void) {
    struct sigaction action = {.sa_sigaction = handle_kick, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    if (sigaction(cl_kick_signal(), &action, &previous_kick) != 0)
        install_result = -errno;
}

int cl_install_kick_handler(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    return install_result;
}
