import SystemPackage

/// Why a file can't be booted as a kernel.
public struct KernelImageError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: Error, Sendable, Equatable {
        case unreadable(Errno)
        case directory
        /// A device, a pipe or a socket.
        case notAFile
        case empty
        case notAKernel
        /// An ELF file, but no kernel.
        case program
        /// The file is shorter than its header says, in bytes.
        case truncated(expected: UInt64, actual: UInt64)
        case not64Bit
        /// A bzImage with a header from before the payload could be found (boot protocol 2.08).
        case tooOld(major: Int, minor: Int)
        /// A payload in a format that is known, but not unpacked.
        case unsupportedCompression(String)
        /// A payload that begins like nothing that is known.
        case unknownPayload
        case damaged(String)
        /// It unpacks to more than the limit, in bytes.
        case tooLarge(limit: UInt64)
        /// The ELF headers make no sense; the text says how.
        case layout(String)
        /// Neither the cache nor memory could hold the unpacked kernel.
        case cannotUnpack(String)
    }

    public let path: String
    public let reason: Reason

    public init(_ path: String, _ reason: Reason) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "--kernel \(path): \(reason)" }
}

extension KernelImageError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let errno): "cannot be read: \(errno)"
        case .directory: "a directory, not a kernel"
        case .notAFile: "not a regular file"
        case .empty: "the file is empty"
        case .notAKernel: "not a kernel: neither a Linux bzImage nor an ELF file"
        case .program: "not a kernel: an ELF file, but not one that is loaded at fixed addresses"
        case .truncated(let expected, let actual):
            "truncated: the file has \(actual) bytes, and its header speaks of \(expected)"
        case .not64Bit: "not a 64-bit x86 kernel"
        case .tooOld(let major, let minor):
            "too old: its boot protocol is \(major).\(minor < 10 ? "0" : "")\(minor), and 2.08 is the first that works"
        case .unsupportedCompression(let name):
            "compressed with \(name), which is not supported; gzip, xz, lz4 and zstd are"
        case .unknownPayload: "damaged: what it holds is compressed with none of gzip, xz, lz4 and zstd"
        case .damaged(let text): "damaged: \(text)"
        case .tooLarge(let limit): "too large: it unpacks to more than \(limit >> 20)M"
        case .layout(let text): "damaged: \(text)"
        case .cannotUnpack(let text): "cannot be unpacked: \(text)"
        }
    }
}
