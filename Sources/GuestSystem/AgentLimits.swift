import CGuest
import Host
import SystemPackage

/// What an agent takes for itself, and commands are not to inherit.
public struct AgentLimits {
    private var softDescriptorLimit: UInt64 = 0
    private var hardDescriptorLimit: UInt64 = 0
    /// nil where it could not be changed.
    private var oomScoreAdjustment: Int32?

    private static let descriptors: UInt64 = 1 << 16
    private static let oomFile: FilePath = "/proc/self/oom_score_adj"

    /// Takes many descriptors, and has the kernel end others where memory runs out.
    public static func raise() -> AgentLimits {
        var limits = AgentLimits()
        // Where this fails there are as many as there were.
        _ = unsafe cg_raise_descriptor_limit(descriptors, &limits.softDescriptorLimit, &limits.hardDescriptorLimit)
        let former = KernelText.read(oomFile).flatMap { Int32($0.prefix { $0 != "\n" }) }
        if let former, let file = try? OwnedFileDescriptor(opening: oomFile, .writeOnly),
            (try? file.descriptor.writeAll("-1000".utf8)) != nil
        {
            limits.oomScoreAdjustment = former
        }
        return limits
    }

    func restore(in command: inout cg_command) {
        unsafe command.soft_descriptor_limit = softDescriptorLimit
        unsafe command.hard_descriptor_limit = hardDescriptorLimit
        unsafe command.was_spared = oomScoreAdjustment != nil
        unsafe command.oom_score_adjustment = oomScoreAdjustment ?? 0
    }
}
