import Glibc

/// Random bytes that nobody can foretell, from the host's kernel (`getentropy(3)`).
public enum RandomBytes {
    /// As much as one call gives.
    private static let most = 256

    /// Puts random bytes in place of an array's first ones. It waits only on a host that has just booted and has
    /// gathered no entropy yet.
    public static func fill(first count: Int, of bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeMutableBytes { buffer in
            var rest = unsafe buffer.prefix(count)
            while unsafe !rest.isEmpty {
                let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: rest.prefix(most))
                guard let start = piece.baseAddress else { return }
                let result = unsafe getentropy(start, piece.count)
                // For memory that is there, kernels since 3.17 have no errors.
                precondition(result == 0, "getentropy")
                unsafe rest = rest.dropFirst(most)
            }
        }
    }
}
