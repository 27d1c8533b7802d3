import Glibc
import Testing

/// Memory of every kind under a Linux guest, as the guest and the host see it.
@Suite(.serialized, .needsKVMHost, .needsRoot) struct BackingTests {
    /// What a device's memory takes up on the host, in bytes.
    private enum View {
        /// By the process's mapping.
        case resident(Range<UInt64>)
        /// By the blocks of a file that the process has open, which has this in its name.
        case file(String)
        /// By the pages that the pool has lost since then.
        case pool(free: UInt64)

        func taken(by pid: Int32) throws -> UInt64 {
            switch self {
            case .resident(let addresses): return try HostMemory(pid: pid).resident(in: addresses)
            case .pool(let free): return (free - (try BackingTests.hugePages("free_hugepages"))) << 21
            case .file(let name):
                for number in 0..<256 {
                    let path = "/proc/\(pid)/fd/\(number)"
                    var target = [CChar](repeating: 0, count: 4096)
                    guard readlink(path, &target, 4095) > 0,
                        String(decoding: target.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                            .contains(name)
                    else { continue }
                    var status = stat()
                    guard stat(path, &status) == 0 else { continue }
                    return UInt64(status.st_blocks) * 512
                }
                throw TestFailure("process \(pid) has no file called \(name)")
            }
        }
    }

    private static let pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/"

    fileprivate static func hugePages(_ file: String) throws -> UInt64 {
        guard let handle = fopen(pool + file, "r") else { throw TestFailure("there is no \(pool)") }
        defer { fclose(handle) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, 64, handle) != nil else { throw TestFailure("\(pool)\(file) is empty") }
        return UInt64(strtoul(line, nil, 10))
    }

    /// Changes the size of the host's pool.
    private static func setHugePages(_ count: UInt64) throws {
        guard let handle = fopen(pool + "nr_hugepages", "w") else { throw TestFailure("\(pool) can't be changed") }
        fputs("\(count)\n", handle)
        fclose(handle)
    }

    @Test func aDeviceOfEachKind() throws {
        let former = try Self.hugePages("nr_hugepages")
        try Self.setHugePages(former + 160)
        defer { try? Self.setHugePages(former) }
        let free = try Self.hugePages("free_hugepages")
        let directory = try TemporaryDirectory()
        let arguments = [
            "--memory", "size=384M,backend=memfd,prealloc=on", "--cmdline", "init_on_alloc=0",
            "--numa", "node=0,cpus=0,memory=384M", "--numa", "node=1", "--numa", "node=2", "--numa", "node=3",
            "--numa", "node=4",
            "--virtio-mem", "id=private,size=512M,node=1",
            "--virtio-mem", "id=shared,size=256M,node=2,backend=memfd",
            "--virtio-mem", "id=pages,size=256M,node=3,backend=hugetlbfs,prealloc=on",
            "--virtio-mem", "id=disk,size=256M,node=4,backend=file,path=\(directory.file("disk, memory"))",
        ]
        try withGuest(.debian12(), arguments) { guest in
            // Boot memory was populated before the guest had it.
            try #require(try View.file("memfd:swiftlet-ram").taken(by: guest.pid) == .mebibytes(384))
            let views: [(id: String, node: Int, view: View)] = [
                ("private", 1, .resident(try HostMemory(pid: guest.pid).unpluggedRegion(ofSize: .mebibytes(512)))),
                ("shared", 2, .file("memfd:swiftlet-shared")), ("pages", 3, .pool(free: free)),
                ("disk", 4, .file("disk, memory")),
            ]
            for (id, node, view) in views {
                try #require(try view.taken(by: guest.pid) == 0, "\(id)")
                try guest.resize(id, to: .mebibytes(128))
                try guest.waitForTotal(.mebibytes(128), ofNode: node)
                // The kernel keeps a few pages back for itself.
                let written = (try guest.memory(ofNode: node).free - .mebibytes(12)) >> 20
                try #require(
                    try guest.run("memory-touch \(node) \(written)M", within: .seconds(120)).hasPrefix("touched"))
                let full = try view.taken(by: guest.pid)
                try #require(full >= written << 20 && full <= .mebibytes(130), "\(id): \(full) bytes")
                try guest.resize(id, to: 0)
                try guest.waitForNoSlots(of: id)
                try #require(try view.taken(by: guest.pid) == 0, "\(id)")
            }
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        try #require(try Self.hugePages("free_hugepages") == free)
        var status = stat()
        try #require(stat(directory.file("disk, memory"), &status) == 0 && status.st_size == 0)
    }
}
