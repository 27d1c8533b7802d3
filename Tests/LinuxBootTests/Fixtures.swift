import GuestMemory
import KernelLayout

@testable import LinuxBoot

/// A file that is an array.
struct ArrayFile: BootFile {
    var bytes: [UInt8]
    var kind = BootFileKind.kernel

    func load(
        fileOffset: UInt64, count: UInt64, into memory: GuestMemory, at address: GuestAddress
    ) throws(BootError) {
        guard let end = Optional(fileOffset + count), end <= UInt64(bytes.count) else {
            throw .unreadable(kind, reason: "it ends at \(bytes.count)")
        }
        do throws(GuestMemoryError) {
            try memory.write(Array(bytes[Int(fileOffset)..<Int(end)]), at: address)
        } catch {
            throw .memory(error)
        }
    }
}

let mebibyte: UInt64 = 1 << 20

extension LinuxBoot {
    /// A kernel of two segments, 8 MiB from 16 MiB on, in a guest of 128 MiB.
    static func sample(memory: [MemoryRange] = [MemoryRange(start: 0, size: 128 * mebibyte)]) -> LinuxBoot {
        let bytes = (0..<0x3000).map { UInt8(truncatingIfNeeded: $0 / 16) }
        let layout = KernelLayout(
            entry: 16 * mebibyte + 0x40,
            segments: [
                .init(fileOffset: 0x1000, fileSize: 0x1800, address: 16 * mebibyte, memorySize: 4 * mebibyte),
                .init(fileOffset: 0x2800, fileSize: 0x100, address: 20 * mebibyte, memorySize: 4 * mebibyte),
            ])
        return LinuxBoot(
            kernel: layout, kernelFile: ArrayFile(bytes: bytes), commandLine: "console=ttyS0", memory: memory)
    }
}

extension ACPIPlatform {
    /// Two nodes with processors and memory, a third with a memory device only, and 70 virtio devices.
    static func sample() -> ACPIPlatform {
        ACPIPlatform(
            processors: [
                Processor(apicID: 0, node: 0), Processor(apicID: 1, node: 1), Processor(apicID: 254, node: 1),
                Processor(apicID: 255, node: 0x102),
            ],
            hasNodes: true,
            bootMemory: [
                NodeMemory(start: 0, size: 1 << 31, node: 0),
                NodeMemory(start: 1 << 31, size: 1 << 30, node: 1),
                NodeMemory(start: 1 << 32, size: 1 << 30, node: 1),
                NodeMemory(start: 1 << 32, size: 0, node: 2),
            ],
            deviceMemory: [
                NodeMemory(start: 1 << 33, size: 1 << 33, node: 0),
                NodeMemory(start: 1 << 34, size: 1 << 33, node: 2),
            ],
            virtioDevices: (0..<70).map { index in
                VirtioDevice(
                    address: 0xd000_0000 + UInt32(index) * 0x1000, size: 0x1000, gsi: 5 + UInt32(index % 19),
                    isInterruptShared: index >= 19)
            })
    }
}

extension [UInt8] {
    /// A little-endian integer.
    func integer(at offset: Int, bytes count: Int) -> UInt64 {
        self[offset..<(offset + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func text(at offset: Int, count: Int) -> String {
        String(decoding: self[offset..<(offset + count)], as: UTF8.self)
    }
}
