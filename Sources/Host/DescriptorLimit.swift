import CLinux

/// How many files a process may have open.
public enum DescriptorLimit {
    /// Allows this process as many as it may allow itself: what is left of a limit for programs that can't do with
    /// more (`RLIMIT_NOFILE`).
    public static func raise() {
        cl_raise_descriptor_limit()
    }
}
