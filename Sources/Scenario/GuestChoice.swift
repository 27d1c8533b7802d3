/// Which guest runs, and how its kernel is set.
public struct GuestChoice: Sendable, Equatable {
    /// Which of the images that GuestImages/build makes.
    public enum Image: String, Sendable, CaseIterable {
        /// Kernel, busybox and the guest agent.
        case guest
        /// The same, with a second kernel inside, for kexec and kdump.
        case kdump
    }

    /// What becomes of new memory in the guest, as `memhp_default_state=` has it, or `auto-movable`
    /// (`memory_hotplug.online_policy=`).
    public enum Onlining: String, Sendable, CaseIterable {
        case offline
        case online
        case movable = "online_movable"
        case kernel = "online_kernel"
        case autoMovable = "auto-movable"
    }

    /// The kernel's version, such as `6.1`; nil for the usual one.
    public var kernel: String?
    public var image = Image.guest
    public var onlining: Onlining?
    /// Whether the kernel zeroes what it allocates; nil for as it was built.
    public var initializesMemory: Bool?
    /// Further words of its command line.
    public var commandLine = ""

    /// The kernel's words for it.
    public var words: String {
        var words: [String] = []
        switch onlining {
        case nil: break
        case .autoMovable: words += ["memory_hotplug.online_policy=auto-movable", "memhp_default_state=online"]
        case .some(let state): words.append("memhp_default_state=\(state.rawValue)")
        }
        if let initializesMemory { words.append("init_on_alloc=\(initializesMemory ? 1 : 0)") }
        if !commandLine.isEmpty { words.append(commandLine) }
        return words.joined(separator: " ")
    }
}
