import CLinux
import Foundation
@testable import Host
import SystemPackage
import Testing

/// What happens where there is not enough memory: errors, and nobody is killed.
@Suite(.serialized) struct ShortMemoryTests {
    private static let block: UInt64 = 2 << 20
    private static let isRoot = geteuid() == 0

    init() {
        #expect(cl_install_fault_handlers() == 0)
    }

    /// Whether this process may make a memory cgroup below its own.
    private static let groups: FilePath? = {
        guard isRoot else { return nil }
        for root in ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"] where access(root + "/cgroup.procs", W_OK) == 0 {
            let version1 = access(root + "/memory.limit_in_bytes", F_OK) == 0
            let version2 = (KernelText.read(FilePath(root + "/cgroup.subtree_control")) ?? "").contains("memory")
            if version1 || version2 || access(root + "/memory.usage_in_bytes", F_OK) == 0 {
                return FilePath(root)
            }
        }
        return nil
    }()

    @Test(.enabled(if: groups != nil, "needs root and a memory cgroup that can be made"))
    func atItsLimitPopulatingFailsInsteadOfKilling() async throws {
        let root = try #require(Self.groups)
        let group = root.appending("swiftlet-test-\(getpid())")
        try #require(mkdir(group.string, 0o755) == 0)
        defer { rmdir(group.string) }
        let limit = access(group.appending("memory.max").string, W_OK) == 0 ? "memory.max" : "memory.limit_in_bytes"
        try "67108864".write(toFile: group.appending(limit).string, atomically: false, encoding: .utf8)
        setenv("SWIFTLET_TEST_GROUP", group.string, 1)
        await #expect(processExitsWith: .success) {
            exit((try? Self.populateInAGroup()) ?? 99)
        }
    }

    /// Runs in a process of its own, in the cgroup that the environment names.
    ///
    /// - Returns: an exit status: 0, or that of the step that failed.
    private static func populateInAGroup() throws -> Int32 {
        guard let group = environmentVariable("SWIFTLET_TEST_GROUP") else { return 2 }
        guard (try? "\(getpid())".write(toFile: group + "/cgroup.procs", atomically: false, encoding: .utf8)) != nil
        else { return 3 }
        guard let found = ControlGroup.limited().first, found.limit == 64 << 20 else { return 4 }
        for kind in [BackingKind.anonymous, .memfd, .privateDisk, .tmpfs] {
            let mapping = try kind.map(128 << 20)
            guard (try? mapping.populate(0..<32 << 20)) != nil else { return 6 }
            do {
                try mapping.populate(32 << 20..<128 << 20)
                return 7
            } catch {
                guard error.errno == .noMemory else { return 8 }
            }
            // What was there stays, and can be given back and taken again.
            guard (try? mapping.discard(0..<32 << 20)) != nil, (try? mapping.populate(0..<32 << 20)) != nil else {
                return 9
            }
        }
        // Let out again, so that the group can be removed.
        let parent = FilePath(group).removingLastComponent().string
        try? "\(getpid())".write(toFile: parent + "/cgroup.procs", atomically: false, encoding: .utf8)
        return 0
    }

    @Test func moreThanTheHostHasCannotBePopulated() throws {
        let mapping = try MemoryMapping(anonymous: 1 << 44)
        let error = #expect(throws: SystemCallError.self) { try mapping.populate(0..<1 << 44) }
        #expect(error?.errno == .noMemory)
    }

    @Test(.enabled(if: isRoot, "needs root to mount a tmpfs"))
    func aFullTmpfsIsAnError() throws {
        try withMount("tmpfs", "size=8M") { directory in
            let file = try MemoryFile(MemoryFile.open(directory), size: 16 << 20)
            let mapping = try MemoryMapping(16 << 20, MemoryBacking(file: file, isShared: true))
            let error = #expect(throws: SystemCallError.self) { try mapping.populate(0..<16 << 20) }
            #expect(error?.errno == .noMemory)
            #expect(throws: SystemCallError.self) { try mapping.touch(15 << 20) }
            try mapping.discard(0..<16 << 20)
            try mapping.populate(0..<Self.block)
            try mapping.touch(0)
            let full = #expect(throws: SystemCallError.self) {
                _ = try MemoryMapping(16 << 20, MemoryBacking(file: file, isShared: true, reserve: true))
            }
            #expect(full?.errno == .noSpace)
        }
    }

    @Test func aTruncatedFileIsAnError() throws {
        let file = try MemoryFile(try MemoryFile.open("/dev/shm"), size: 2 * Self.block)
        let mapping = try MemoryMapping(2 * Self.block, MemoryBacking(file: file, isShared: true))
        try mapping.touch(Self.block)
        #expect(cl_resize_file(file.descriptor.rawValue, Self.block) == 0)
        #expect(throws: SystemCallError.self) { try mapping.touch(Self.block) }
        try mapping.touch(0)
    }

    @Test func anEmptyPoolOfHugePagesIsAnError() throws {
        let size = (HugePages.free + 64) * Self.block
        guard let file = try? MemoryFile(inMemory: "test", size: size, hugePageSize: Self.block) else { return }
        let mapping = try MemoryMapping(size, MemoryBacking(file: file, isShared: true))
        let error = #expect(throws: SystemCallError.self) { try mapping.populate(0..<size) }
        #expect(error?.errno == .noMemory)
        #expect(throws: SystemCallError.self) { try mapping.touch(size - Self.block) }
        let reserved = #expect(throws: SystemCallError.self) {
            _ = try MemoryMapping(size, MemoryBacking(file: file, isShared: true, reserve: true))
        }
        #expect(reserved?.errno == .noMemory)
    }

    @Test func nodesThatTheHostLacksAreAnError() throws {
        let error = #expect(throws: SystemCallError.self) {
            _ = try MemoryMapping(
                Self.block, MemoryBacking(placement: MemoryBacking.Placement(.bind, nodes: [1000])))
        }
        #expect(error?.call == "mbind")
    }

    /// By the names of `set_mempolicy(2)` that the kernel shows.
    @Test(
        .enabled(if: access("/sys/devices/system/node/node0", F_OK) == 0, "the host knows no nodes"),
        arguments: [
            (MemoryBacking.Placement.Policy.bind, "bind:0"), (.preferred, "prefer:0"), (.interleave, "interleave:0"),
        ])
    func pagesComeFromTheNode(_ policy: MemoryBacking.Placement.Policy, _ shown: String) throws {
        let mapping = try MemoryMapping(
            4 * Self.block, MemoryBacking(placement: MemoryBacking.Placement(policy, nodes: [0])),
            protection: .inaccessible)
        try mapping.protect(0..<Self.block, .readWrite)
        try mapping.populate(0..<Self.block)
        let maps = KernelText.read("/proc/self/numa_maps") ?? ""
        let start = String(UInt(bitPattern: mapping.base), radix: 16)
        let line = maps.split(separator: "\n").first { $0.hasPrefix(start) }
        #expect(line?.contains(" \(shown) ") == true && line?.contains(" N0=") == true, "\(line ?? "")")
    }

    private func withMount(_ type: String, _ options: String, _ body: (FilePath) throws -> Void) throws {
        let directory = "/tmp/swiftlet-mount-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { rmdir(directory) }
        try #require(mount("none", directory, type, 0, options) == 0)
        defer { umount2(directory, Int32(MNT_DETACH)) }
        try body(FilePath(directory))
    }
}
