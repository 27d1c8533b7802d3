import Foundation
import Testing

@testable import LinuxBoot

private let compiler = "/usr/bin/iasl"
private let interpreter = "/usr/bin/acpiexec"

/// What ACPI's reference compiler and interpreter say of the tables.
@Suite(
    .enabled(
        if: [compiler, interpreter].allSatisfy(FileManager.default.isExecutableFile(atPath:)),
        "iasl and acpiexec (package acpica-tools) are not installed"))
final class ACPICompilerTests {
    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("acpi-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(at: directory)
    }

    private func run(_ program: String, _ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = directory
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// Disassembles a table and compiles the result.
    private func roundTrip(_ name: String, _ bytes: [UInt8]) throws -> (source: String, output: String) {
        let file = directory.appendingPathComponent("\(name).aml")
        try Data(bytes).write(to: file)
        let disassembled = try run(compiler, "-d", file.path)
        try #require(disassembled.status == 0, "\(disassembled.output)")
        let source = try String(contentsOf: directory.appendingPathComponent("\(name).dsl"), encoding: .utf8)
        let compiled = try run(compiler, "-p", "\(name)-again", directory.appendingPathComponent("\(name).dsl").path)
        #expect(compiled.status == 0, "\(compiled.output)")
        #expect(!disassembled.output.contains("Incorrect checksum"))
        return (source, compiled.output)
    }

    @Test(arguments: ["FACP", "APIC", "SRAT", "SLIT", "XSDT"])
    func dataTablesSurviveTheCompiler(name: String) throws {
        let bytes = try #require(try ACPITablesTests.tables(of: .sample())[name])
        let (source, _) = try roundTrip(name, bytes)
        #expect(!source.contains("Invalid"), "\(source)")
        #expect(!source.contains("Unknown"), "\(source)")
        let again = try Data(contentsOf: directory.appendingPathComponent("\(name)-again.aml"))
        // The compiler puts its own name and version into the header, and a checksum to suit.
        let isSame = again.dropFirst(36).elementsEqual(bytes.dropFirst(36))
        #expect(isSame, "\(source)")
    }

    @Test func differentiatedDescriptionSurvivesTheCompiler() throws {
        let bytes = try #require(try ACPITablesTests.tables(of: .sample())["DSDT"])
        let (source, output) = try roundTrip("DSDT", bytes)
        #expect(output.contains(" 0 Errors, 0 Warnings"), "\(output)")
        for expected in [
            "Name (_S5, Package", "EisaId (\"PNP0501\")", "EisaId (\"PNP0C0C\")", "\"ACPI0013\"", "\"LNRO0005\"",
            "Notify (PWRB, 0x80)", "Device (V000)", "Device (V045)", "0xD0045000,", "Method (_EVT, 1, Serialized)",
            "Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive",
            "Interrupt (ResourceConsumer, Edge, ActiveHigh, Shared",
        ] {
            #expect(source.contains(expected), "\(expected) in \(source)")
        }
        let again = try Data(contentsOf: directory.appendingPathComponent("DSDT-again.aml"))
        let isSame = again.dropFirst(36).elementsEqual(bytes.dropFirst(36))
        #expect(isSame, "\(source)")
    }

    /// Runs statements of the interpreter's command line on the DSDT.
    private func interpret(_ command: String) throws -> String {
        let file = directory.appendingPathComponent("DSDT.aml")
        try Data(try #require(try ACPITablesTests.tables(of: .sample())["DSDT"])).write(to: file)
        return try run(interpreter, "-b", command, file.path).output
    }

    @Test func aPulseOfThePowerButtonNotifiesTheButton() throws {
        let pressed = try interpret("execute \\_SB.GED_._EVT 9")
        #expect(pressed.contains(/Received a Device Notify on \[PWRB\] \S+ Value 0x80/), "\(pressed)")
        let other = try interpret("execute \\_SB.GED_._EVT 8")
        #expect(other.contains("Evaluating \\_SB.GED_._EVT"), "\(other)")
        #expect(!other.contains("Notify"), "\(other)")
    }

    @Test func softOffIsSleepTypeFive() throws {
        let output = try interpret("execute \\_S5_")
        #expect(output.contains(/\[Package\] Contains 2 Elements:\s+\[Integer\] = 0+5\s/), "\(output)")
    }
}
