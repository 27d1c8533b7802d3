/// How many mappings a process may have (`vm.max_map_count`), and how many of them guest memory that is plugged piece by
/// piece may take up.
public enum MappingLimit {
    /// What Linux allows unless it is told otherwise.
    public static let usual = 65530
    /// Mappings that are left to everything else in the process.
    private static let reserve = 8192

    /// What is left for guest memory. A piece takes two mappings, its own and one for the gap behind it.
    ///
    /// - Parameter maximum: how many mappings the host allows.
    public static func forGuestMemory(of maximum: Int) -> Int {
        max(maximum / 2, maximum - reserve)
    }
}
