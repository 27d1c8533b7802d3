import Foundation
import Glibc
import Synchronization

/// Guests in C, from `Tests/Guests`: compiled by the clang that comes with Swift, on first use.
enum GuestCompiler {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Names of guests, and their images.
    private static let images = Mutex<[String: [UInt8]]>([:])
    /// Where the numbers are that a guest finds in `parameters`.
    private static let parametersOffset = 8
    private static let parameterCount = 8

    private static let flags = [
        "--target=x86_64-unknown-none-elf", "-std=c17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding",
        "-nostdlib", "-fno-pic", "-fno-pie", "-static", "-mno-red-zone", "-mgeneral-regs-only", "-fno-stack-protector",
        "-fno-asynchronous-unwind-tables", "-fuse-ld=lld", "-Wl,--oformat=binary",
    ]

    /// The image of a guest, to be loaded and entered at `GuestProgram.address`.
    ///
    /// - Parameters:
    ///   - name: of its source, without the ending; the toolkit is linked to it.
    ///   - parameters: what it finds in `parameters`.
    static func image(of name: String, parameters: [UInt64] = []) throws -> [UInt8] {
        precondition(parameters.count <= parameterCount, "too many parameters")
        var image = try images.withLock { images in
            if let image = images[name] { return image }
            let image = try compile(name)
            images[name] = image
            return image
        }
        for (number, value) in parameters.enumerated() {
            for byte in 0..<8 {
                image[parametersOffset + 8 * number + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
            }
        }
        return image
    }

    private static func compile(_ name: String) throws -> [UInt8] {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Guests").path(percentEncoded: false)
        let directory = FileManager.default.temporaryDirectory.appending(path: "guest-\(name)-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let image = directory.appending(path: "image")
        let clang = Process()
        clang.executableURL = URL(filePath: "/usr/bin/env")
        clang.arguments =
            ["clang"] + flags + ["-Wl,-T,\(sources)/guest.ld", "-o", image.path(percentEncoded: false)]
            + ["start.S", "guest.c", "\(name).c"].map { "\(sources)/\($0)" }
        let errors = Pipe()
        clang.standardError = errors
        try clang.run()
        let text = try errors.fileHandleForReading.readToEnd() ?? Data()
        clang.waitUntilExit()
        guard clang.terminationStatus == 0 else {
            throw Failure(description: "clang could not compile \(name).c:\n" + String(decoding: text, as: UTF8.self))
        }
        return [UInt8](try Data(contentsOf: image))
    }
}
