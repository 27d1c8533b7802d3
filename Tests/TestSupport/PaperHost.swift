import GuestMemory
import Host
import SystemPackage

/// The host's side of a region on paper: protections and resident memory by block, and calls that fail when they are
/// told to. A million operations are quick that way.
package final class PaperHost: HostMemory, @unchecked Sendable {
    // Sendable: each test uses its own on one thread.

    private let blockSize: UInt64
    private var protections: [MemoryMapping.Protection]
    private var isResident: [Bool]
    /// The next call of `protect` fails.
    package var failsNextProtect = false
    /// Each call of `discard` fails.
    package var failsDiscard = false

    package init(size: UInt64, blockSize: UInt64) {
        self.blockSize = blockSize
        protections = Array(repeating: .readWrite, count: Int(size / blockSize))
        isResident = Array(repeating: false, count: protections.count)
    }

    package func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        if failsNextProtect {
            failsNextProtect = false
            throw SystemCallError("mprotect", .noMemory)
        }
        for block in blocks(range) {
            protections[block] = protection
            // Whoever can write, does.
            isResident[block] = isResident[block] || protection == .readWrite
        }
    }

    package func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        if failsDiscard { throw SystemCallError("madvise", .noMemory) }
        for block in blocks(range) { isResident[block] = false }
    }

    package func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        for block in blocks(range) { isResident[block] = true }
    }

    package func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        var runs: [MemoryMapping.ProtectionRun] = []
        for block in blocks(range) {
            let end = UInt64(block + 1) * blockSize
            if let last = runs.last, last.protection == protections[block] {
                runs[runs.count - 1].range = last.range.lowerBound..<end
            } else {
                runs.append(.init(range: end - blockSize..<end, protection: protections[block]))
            }
        }
        return runs
    }

    package func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        UInt64(blocks(range).count { isResident[$0] }) * blockSize
    }

    private func blocks(_ range: Range<UInt64>) -> Range<Int> {
        Int(range.lowerBound / blockSize)..<Int(range.upperBound / blockSize)
    }
}
