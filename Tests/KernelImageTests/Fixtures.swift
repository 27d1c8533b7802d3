import Decompression
import Foundation

/// Little kernels, put together from the formats' specifications.
enum Fixtures {
    struct Segment {
        var offset: UInt64
        var fileSize: UInt64
        var address: UInt64
        var memorySize: UInt64
    }

    static let segments = [
        Segment(offset: 0x1000, fileSize: 0x2000, address: 0x100_0000, memorySize: 0x2000),
        Segment(offset: 0x3000, fileSize: 0x800, address: 0x110_0000, memorySize: 0x4000),
    ]

    /// An ELF64 executable for x86-64 whose entry point is in its first segment, with somewhat random contents.
    static func elf(
        _ segments: [Segment] = segments, entry: UInt64 = 0x100_0010, size: Int = 0x5000, kind: UInt16 = 2,
        machine: UInt16 = 62
    ) -> [UInt8] {
        var bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 9 & ($0 >> 3)) }
        bytes.replaceSubrange(0..<16, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        let header: [(UInt64, Int)] = [
            (UInt64(kind), 2), (UInt64(machine), 2), (1, 4), (entry, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2),
            (UInt64(segments.count), 2), (64, 2), (0, 2), (0, 2),
        ]
        var position = 16
        func put(_ value: UInt64, _ count: Int) {
            for index in 0..<count {
                bytes[position] = UInt8(truncatingIfNeeded: value >> (8 * index))
                position += 1
            }
        }
        header.forEach(put)
        for segment in segments {
            put(1, 4)
            put(5, 4)
            [segment.offset, UInt64(0xffff_ffff_8000_0000) &+ segment.address, segment.address].forEach { put($0, 8) }
            [segment.fileSize, segment.memorySize, 0x1000].forEach { put($0, 8) }
        }
        return bytes
    }

    /// A 32-bit ELF header with nothing behind it.
    static var elf32: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 512)
        bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
        bytes.replaceSubrange(16..<24, with: [2, 0, 3, 0, 1, 0, 0, 0])
        bytes[40] = 52
        return bytes
    }

    /// A bzImage around compressed data.
    ///
    /// - Parameters:
    ///   - unpackedSize: what is recorded behind the payload; nil where the payload ends with it by itself.
    static func bzImage(
        _ payload: [UInt8], unpackedSize: Int?, version: UInt16 = 0x20f, loadFlags: UInt16 = 1
    ) -> [UInt8] {
        var payload = payload
        if let unpackedSize {
            payload += littleEndian(unpackedSize, 4)
        }
        let setupSectors = 3
        let start = (setupSectors + 1) * 512
        let payloadOffset = 0x80
        var bytes = [UInt8](repeating: 0x90, count: start + payloadOffset) + payload
        bytes += [UInt8](repeating: 0xcc, count: 100 + (16 - (bytes.count + 100) % 16) % 16)
        func put(_ value: Int, _ count: Int, at offset: Int) {
            bytes.replaceSubrange(offset..<offset + count, with: littleEndian(value, count))
        }
        put(setupSectors, 1, at: 0x1f1)
        put((bytes.count - start) / 16, 4, at: 0x1f4)
        put(0xaa55, 2, at: 0x1fe)
        bytes.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
        put(Int(version), 2, at: 0x206)
        put(Int(loadFlags), 2, at: 0x236)
        put(payloadOffset, 4, at: 0x248)
        put(payload.count, 4, at: 0x24c)
        return bytes
    }

    /// A bzImage of a kernel in one of the formats.
    static func bzImage(of kernel: [UInt8], _ format: CompressionFormat) throws -> [UInt8] {
        bzImage(try compress(kernel, format), unpackedSize: format == .gzip ? nil : kernel.count)
    }

    static func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// Packs data with the system's tools, the way that Linux's build does.
    static func compress(_ bytes: [UInt8], _ format: CompressionFormat) throws -> [UInt8] {
        let command =
            switch format {
            case .gzip: ["gzip", "-n", "-9"]
            case .xz: ["xz", "--check=crc32", "--x86", "--lzma2=dict=32MiB"]
            case .lz4: ["lz4", "-l", "-9", "-c"]
            case .zstd: ["zstd", "-19", "-c"]
            case .bzip2: ["bzip2", "-9"]
            case .lzma: ["xz", "--format=lzma"]
            case .lzo: ["false"]
            }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let input = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try Data(bytes).write(to: input)
        defer { try? FileManager.default.removeItem(at: input) }
        let output = Pipe()
        process.standardInput = try FileHandle(forReadingFrom: input)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let packed = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ToolError(tool: command[0]) }
        return Array(packed)
    }
}

/// A packer of the system that is missing or failed.
struct ToolError: Error {
    let tool: String
}
