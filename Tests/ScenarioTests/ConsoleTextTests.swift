import Host
import SystemPackage
import Testing

@testable import ScenarioRunner

/// What is found on a guest's console.
struct ConsoleTextTests {
    @Test func onlyWhatIsNewIsFound() throws {
        let old = "Kernel panic - not syncing: old\r\n"
        let new = "\u{1B}[1;31mready\u{1B}[0m\r\n[ 1.0] Kernel panic - not syncing: new\r\n---\r\n"
        let file = try OwnedFileDescriptor(memoryFile: "console")
        try file.descriptor.write(all: Array((old + new).utf8)[...])
        let console = ConsoleText(path: FilePath("/proc/self/fd/\(file.rawValue)"))
        #expect(console.size == UInt64((old + new).utf8.count))
        #expect(console.panic(since: 0) == "[ 1.0] Kernel panic - not syncing: new")
        #expect(console.panic(since: UInt64(old.utf8.count)) == "[ 1.0] Kernel panic - not syncing: new")
        #expect(console.panic(since: console.size) == nil)
        #expect(console.lastLines(2) == ["[ 1.0] Kernel panic - not syncing: new", "---"])
        #expect(console.text(since: UInt64(old.utf8.count)).hasPrefix("ready\n"))
        #expect(ConsoleText(path: "/nonexistent").panic(since: 0) == nil)
    }
}
