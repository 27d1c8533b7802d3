import Foundation
import Glibc
import Host
import RunDirectory
import Synchronization
import SystemPackage
import Testing

@Suite(.serialized) struct RunDirectoryTests {
    private let root = FilePath("/tmp/swiftlet-run-\(getpid())-\(UInt64.random(in: 0...(.max)))")

    private func directory(_ name: String = "web") -> RunDirectory { RunDirectory(name: name, root: root) }

    private func withRoot(_ body: () throws -> Void) rethrows {
        defer {
            for directory in RunDirectory.all(root: root) { directory.remove() }
            try? root.removeDirectory()
        }
        try body()
    }

    private func mode(_ path: FilePath) throws -> FilePermissions { try Stat(path).permissions }

    @Test func aClaimedNameIsTakenUntilItIsGivenBack() throws {
        try withRoot {
            let file = try directory().claim()
            #expect(try mode(directory().path) == .ownerReadWriteExecute)
            #expect(directory().process == nil, "nobody has said who it is")
            RunDirectory.note(process: 4711, in: file.descriptor)
            #expect(directory().process == 4711)
            #expect(RunDirectory.all(root: root).map(\.name) == ["web"])
            let error = #expect(throws: RunDirectory.ClaimError.self) { _ = try directory().claim() }
            #expect(
                error?.description == "a machine called 'web' runs already, as process 4711; give another name, or end"
                    + " it: swiftlet stop web")
            directory().remove()
            #expect(throws: Errno.noSuchFileOrDirectory) { _ = try Stat(directory().path) }
        }
    }

    /// The lock goes with the process, whatever kills it; what it left does not keep anybody from its name.
    @Test func whatADeadProcessLeftIsTakenOver() throws {
        try withRoot {
            var file: OwnedFileDescriptor? = try directory().claim()
            if let descriptor = file?.descriptor { RunDirectory.note(process: 99, in: descriptor) }
            let socket = try UnixSocket.listen(at: directory().qmpSocket)
            withExtendedLifetime(socket) {}
            file = nil
            #expect(directory().process == nil)
            let again = try directory().claim()
            #expect(directory().process == nil, "who has it now has not said so yet")
            RunDirectory.note(process: 7, in: again.descriptor)
            #expect(directory().process == 7)
            #expect(throws: Errno.noSuchFileOrDirectory) { _ = try Stat(directory().qmpSocket) }
            withExtendedLifetime(again) {}
        }
    }

    /// Machines start while others are listed, and what dead ones left is cleaned up.
    @Test func aListingKeepsNobodyFromAName() throws {
        withRoot {
            DispatchQueue.concurrentPerform(iterations: 3) { index in
                for round in 0..<300 {
                    guard index == 0 else {
                        _ = RunDirectory.all(root: root)
                        continue
                    }
                    do {
                        let file = try directory().claim()
                        RunDirectory.note(process: getpid(), in: file.descriptor)
                        // As a killed process leaves it.
                        #expect(directory().process == getpid(), "round \(round)")
                    } catch {
                        Issue.record("round \(round): \(error)")
                    }
                }
            }
        }
    }

    @Test func aListingCleansUp() throws {
        try withRoot {
            let living = try directory("b").claim()
            RunDirectory.note(process: getpid(), in: living.descriptor)
            for name in ["a", "c"] { _ = try directory(name).claim() }
            #expect(RunDirectory.all(root: root).map(\.name) == ["b"])
            #expect(Set(try root.directoryEntries()) == ["b"])
            withExtendedLifetime(living) {}
        }
    }

    @Test func otherFilesAreLeftAlone() throws {
        try withRoot {
            try root.appending("notes").createDirectories()
            #expect(RunDirectory.all(root: root).isEmpty)
            #expect(try Stat(root.appending("notes")).type == .directory)
            try root.appending("notes").removeDirectory()
        }
    }

    @Test(arguments: ["", ".", "..", "a/b", "/", ".hidden"])
    func namesThatAreNoneAreRefused(name: String) {
        withRoot {
            let error = #expect(throws: RunDirectory.ClaimError.self) { _ = try directory(name).claim() }
            #expect(error?.description.hasPrefix("'\(name)' can't be a machine's name") == true)
        }
    }

    @Test func aDirectoryThatCannotBeMadeIsToldWithItsReason() {
        let directory = RunDirectory(name: "web", root: "/proc/nothing")
        let error = #expect(throws: RunDirectory.ClaimError.self) { _ = try directory.claim() }
        #expect(error?.description.hasPrefix("the run directory can't be made: mkdir /proc/nothing") == true)
    }

    /// Of many that claim a name at once, and keep what they got until all have tried, one gets it.
    @Test func ofManyAtOnceOneGetsTheName() {
        let count = 16
        let directory = directory("race")
        let winners = Atomic(0)
        let (tried, mayGo, gone) = (
            DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
        )
        for _ in 0..<count {
            Thread {
                do {
                    let file = try directory.claim()
                    RunDirectory.note(process: getpid(), in: file.descriptor)
                    winners.add(1, ordering: .relaxed)
                    tried.signal()
                    mayGo.wait()
                    withExtendedLifetime(file) {}
                } catch {
                    tried.signal()
                }
                gone.signal()
            }.start()
        }
        for _ in 0..<count { tried.wait() }
        #expect(winners.load(ordering: .relaxed) == 1)
        for _ in 0..<winners.load(ordering: .relaxed) { mayGo.signal() }
        for _ in 0..<count { gone.wait() }
        withRoot {}
    }
}
