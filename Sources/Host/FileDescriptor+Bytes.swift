import CLinux
import SystemPackage

extension FileDescriptor {
    /// Reads bytes at a position without moving the descriptor's own (`pread(2)`).
    ///
    /// - Parameters:
    ///   - count: the most that is read.
    ///   - offset: where reading begins, in bytes from the file's start.
    /// - Returns: fewer than `count` only where the file ends.
    public func bytes(count: Int, at offset: UInt64) throws(SystemCallError) -> [UInt8] {
        var failure: CInt = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                guard let base = buffer.baseAddress else { return }
                let result = unsafe cl_pread(rawValue, base + filled, count - filled, offset &+ UInt64(filled))
                if result == Int(-EINTR) {
                    continue
                }
                guard result > 0 else {
                    failure = CInt(result)
                    return
                }
                filled += result
            }
        }
        guard failure == 0 else {
            throw SystemCallError("pread", Errno(rawValue: -failure))
        }
        return bytes
    }

    /// Writes all of some bytes at the descriptor's position.
    public func write(all bytes: ArraySlice<UInt8>) throws(SystemCallError) {
        var rest = bytes
        while !rest.isEmpty {
            let result = unsafe rest.withUnsafeBytes { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                return unsafe cl_write(rawValue, base, buffer.count)
            }
            if result == Int(-EINTR) {
                continue
            }
            guard result >= 0 else {
                throw SystemCallError("write", Errno(rawValue: CInt(-result)))
            }
            rest = rest.dropFirst(result)
        }
    }
}
