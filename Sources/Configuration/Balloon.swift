/// A balloon in the guest, by which the host takes memory that the guest keeps address space for (virtio-balloon).
public struct Balloon: Sendable, Equatable {
    /// Bytes that the guest is asked to have in the balloon from the start.
    public var size: UInt64
    /// Whether the guest may take memory out of the balloon when it has no other left.
    public var deflatesOnOutOfMemory: Bool
    /// Whether the guest tells of memory that it has free, for the host to take it back meanwhile.
    public var reportsFreePages: Bool

    /// Bytes of what a balloon is counted in.
    public static let pageSize: UInt64 = 4096

    public init(size: UInt64 = 0, deflatesOnOutOfMemory: Bool = false, reportsFreePages: Bool = false) {
        self.size = size
        self.deflatesOnOutOfMemory = deflatesOnOutOfMemory
        self.reportsFreePages = reportsFreePages
    }
}

extension Balloon {
    private static let keys = ["size", "deflate-on-oom", "free-page-reporting"]

    /// Reads the value of `--balloon`: `size=256M,deflate-on-oom=on,free-page-reporting=on`, of which each may be left out
    /// but not all.
    public init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--balloon", text, keys: Self.keys)
        self.init(
            size: try option.size("size") ?? 0, deflatesOnOutOfMemory: try option.flag("deflate-on-oom") ?? false,
            reportsFreePages: try option.flag("free-page-reporting") ?? false)
    }

    /// The balloon as `--balloon` takes it.
    public var optionText: String {
        "size=\(ByteSize(size))" + (deflatesOnOutOfMemory ? ",deflate-on-oom=on" : "")
            + (reportsFreePages ? ",free-page-reporting=on" : "")
    }

    /// - Parameter memory: bytes of boot memory.
    func check(memory: UInt64) throws(ConfigurationError) {
        guard size % Self.pageSize == 0 else {
            throw ConfigurationError("--balloon size=\(ByteSize(size))", "not a multiple of 4K")
        }
        guard size < memory else {
            throw ConfigurationError(
                "--balloon size=\(ByteSize(size))", "not less than the boot memory of \(ByteSize(memory))")
        }
    }
}
