import Configuration
import Foundation

/// A copy of the built `swiftlet` beside a stand-in for `swiftlet-vmm`, in a directory that goes with this object.
final class TestInstallation {
    /// What a run of a program left.
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    let directory: String

    /// Where `swift build` put the programs, which is where it put the tests.
    private static var builtPrograms: String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent
    }

    /// Shows its arguments, each behind "argument ", and its descriptors, or answers a probe.
    static let standIn = """
        #!/bin/sh
        if [ "$1" = --probe ]; then
            cat "${0%/*}/probe"
            exit 0
        fi
        for argument; do
            printf 'argument %s\\0' "$argument"
        done
        for descriptor in /proc/$$/fd/*; do
            printf 'descriptor %s ' "${descriptor##*/}"
            readlink -z "$descriptor" || printf '\\0'
        done
        """

    /// - Parameters:
    ///   - probe: what the stand-in answers to a probe.
    ///   - standIn: the stand-in, a shell script.
    init(probe: String = "", standIn: String = standIn) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        try write("probe", Array(probe.utf8))
        // A shell writes what will be run: were it this process, another test's child could hold it open for writing
        // for a moment, and it could not be run (ETXTBSY). Everybody may run it, also a test without privileges.
        let install = """
            { cp -l "$1" swiftlet 2>/dev/null || cp "$1" swiftlet; } && printf '%s' "$2" >swiftlet-vmm &&
            chmod 755 . swiftlet swiftlet-vmm && chmod 644 probe
            """
        let outcome = try run(["sh", "-c", install, "sh", Self.builtPrograms + "/swiftlet", standIn])
        guard outcome.status == 0 else { throw InstallationError(text: outcome.errors) }
    }

    private struct InstallationError: Error {
        let text: String
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = directory + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Runs `swiftlet` in the directory, with a cache of its own.
    func swiftlet(_ arguments: String...) throws -> Outcome {
        try run([directory + "/swiftlet"] + arguments)
    }

    /// Hosts without vmx and svm make `run` warn, which has a test of its own.
    private func withoutHostWarning(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("swiftlet: warning: the processor shows neither vmx nor svm") }
            .joined(separator: "\n")
    }

    /// Runs any program in the directory, and ends it after a minute.
    func run(_ command: [String], environment: [String: String] = [:]) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["timeout", "60"] + command
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SWIFTLET_CACHE": directory + "/cache", "XDG_RUNTIME_DIR": directory + "/run"]) { $1 }.merging(
                environment
            ) { $1 }
        let (output, errors) = (directory + "/output", directory + "/errors")
        for file in [output, errors] {
            _ = FileManager.default.createFile(atPath: file, contents: nil)
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        func text(_ file: String) -> String {
            String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
        }
        return Outcome(
            status: process.terminationStatus, output: text(output), errors: withoutHostWarning(text(errors)))
    }

    /// A file that is a kernel by its headers: an ELF executable with one segment of 4 KiB at 16 MiB.
    func makeKernel() throws -> String {
        var bytes = [UInt8](repeating: 0, count: 0x2000)
        func put(_ value: UInt64, _ count: Int, at offset: Int) {
            for index in 0..<count {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }
        bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
        put(2, 2, at: 16)
        put(62, 2, at: 18)
        put(1, 4, at: 20)
        put(0x100_0000, 8, at: 24)
        put(64, 8, at: 32)
        put(64, 2, at: 52)
        put(56, 2, at: 54)
        put(1, 2, at: 56)
        put(1, 4, at: 64)
        put(0x1000, 8, at: 72)
        put(0x100_0000, 8, at: 88)
        put(0x1000, 8, at: 96)
        put(0x1000, 8, at: 104)
        return try write("vmlinux", bytes)
    }
}

extension TestInstallation.Outcome {
    /// What the stand-in was told.
    var request: LaunchRequest? {
        try? LaunchRequest(arguments: lines("argument "))
    }

    /// The descriptors that the stand-in got beside the standard ones: number and what it leads to.
    var descriptors: [String: String] {
        var result: [String: String] = [:]
        for line in lines("descriptor ") {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            // The shell reads the stand-in's text from a descriptor of its own.
            if parts.count == 2, !["0", "1", "2"].contains(parts[0]), !parts[1].hasSuffix("/swiftlet-vmm") {
                result[parts[0]] = parts[1]
            }
        }
        return result
    }

    private func lines(_ prefix: String) -> [String] {
        output.split(separator: "\0").filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
}
