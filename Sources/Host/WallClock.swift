import CLinux

/// The host's idea of the time of day (`CLOCK_REALTIME`), for what people and other programs read.
public enum WallClock {
    /// Microseconds since 1970.
    public static func microseconds() -> UInt64 {
        cl_realtime_microseconds()
    }
}
