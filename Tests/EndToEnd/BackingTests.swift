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

    // MARK: Pages of 1 GiB, mounts, control groups

    private static func write(_ text: String, to path: String) throws {
        guard let handle = fopen(path, "w") else { throw TestFailure("\(path) can't be written to") }
        fputs(text, handle)
        guard fclose(handle) == 0 else { throw TestFailure("\(path) does not take '\(text)'") }
    }

    private static func number(in path: String) throws -> UInt64 {
        guard let handle = fopen(path, "r") else { throw TestFailure("there is no \(path)") }
        defer { fclose(handle) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, 64, handle) != nil else { throw TestFailure("\(path) is empty") }
        return UInt64(strtoul(line, nil, 10))
    }

    /// The largest pages that there are: a block is one of them.
    @Test func aDeviceOfPagesOfOneGibibyte() throws {
        let pool = "/sys/kernel/mm/hugepages/hugepages-1048576kB/"
        // So much in one piece is only to be had where nothing else lies around.
        for (file, word) in [("drop_caches", "3"), ("compact_memory", "1")] {
            try Self.write(word, to: "/proc/sys/vm/" + file)
        }
        try Self.write("1\n", to: pool + "nr_hugepages")
        defer { try? Self.write("0\n", to: pool + "nr_hugepages") }
        try #require(try Self.number(in: pool + "free_hugepages") == 1)
        let arguments = [
            "--memory", "384M", "--cmdline", "init_on_alloc=0",
            "--virtio-mem", "id=huge,size=2G,block-size=1G,backend=hugetlbfs,hugepages=1G",
        ]
        try withGuest(.debian12(), arguments) { guest in
            try #require(try Self.number(in: pool + "free_hugepages") == 1, "only what is plugged is taken")
            let before = try guest.memory().total
            for _ in 0..<2 {
                try guest.resize("huge", to: .gibibytes(1))
                try #require(try Self.number(in: pool + "free_hugepages") == 0)
                let online = try Deadline(.seconds(60)).poll(every: 200) {
                    try guest.memory().total >= before + .mebibytes(1000) ? true : nil
                }
                try #require(online == true)
                try #require(try guest.run("memory-touch any 900M", within: .seconds(120)).hasPrefix("touched"))
                try guest.resize("huge", to: 0)
                try #require(try Self.number(in: pool + "free_hugepages") == 1)
            }
            // The pool has no second page: the guest is told to try again later.
            try guest.resize("huge", to: .gibibytes(1))
            try #require(try guest.monitor("qom-set huge requested-size 2G") == "")
            try guest.process.waitForError("no free page of 1024 MiB left")
            try #require(try guest.memoryDevice("huge").size == .gibibytes(1))
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        try #require(try Self.number(in: pool + "free_hugepages") == 1)
    }

    /// A pool by way of a mount of hugetlbfs, which has fewer pages than the device could take.
    @Test func aMountOfHugePages() throws {
        let former = try Self.hugePages("nr_hugepages")
        try Self.setHugePages(former + 80)
        defer { try? Self.setHugePages(former) }
        let directory = try TemporaryDirectory()
        try #require(mount("swiftlet", directory.path, "hugetlbfs", 0, "pagesize=2M,size=128M") == 0)
        defer { umount2(directory.path, CInt(MNT_DETACH)) }
        let arguments = [
            "--memory", "384M", "--cmdline", "init_on_alloc=0",
            "--virtio-mem", "id=pages,size=512M,backend=hugetlbfs,path=\(directory.path)",
        ]
        try withGuest(.debian12(), arguments) { guest in
            let free = try Self.hugePages("free_hugepages")
            try guest.resize("pages", to: .mebibytes(128))
            try #require(try Self.hugePages("free_hugepages") == free - 64)
            // The mount has no more, and nobody hangs for it.
            try #require(try guest.monitor("qom-set pages requested-size 256M") == "")
            try guest.process.waitForError("no free page of 2 MiB left")
            try #require(try guest.memoryDevice("pages").size == .mebibytes(128))
            try guest.resize("pages", to: 0)
            try #require(try Self.hugePages("free_hugepages") == free)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// What does not fit into the process's memory control group (version 2) is not plugged, and nobody is killed.
    @Test func aControlGroupWithoutRoomIsBusy() throws {
        let group = "/sys/fs/cgroup/swiftlet-test"
        try? Self.write("+memory\n", to: "/sys/fs/cgroup/cgroup.subtree_control")
        try #require(mkdir(group, 0o755) == 0)
        defer { rmdir(group) }
        try Self.write("700M\n", to: group + "/memory.max")
        let arguments = [
            "--memory", "256M", "--cmdline", "init_on_alloc=0", "--virtio-mem", "id=vm0,size=2G,prealloc=on",
        ]
        try withGuest(.debian12(), arguments) { guest in
            try Self.write("\(guest.pid)\n", to: group + "/cgroup.procs")
            try guest.resize("vm0", to: .mebibytes(256))
            try #require(try guest.monitor("qom-set vm0 requested-size 1G") == "")
            try guest.process.waitForError("MiB are wanted, ")
            let plugged = try guest.memoryDevice("vm0").size ?? 0
            try #require(plugged >= .mebibytes(256) && plugged < .mebibytes(768), "\(plugged)")
            try #require(try guest.run("echo alive") == "alive\n")
            // More room, and the driver is made to try again, which it would do by itself only after 50 seconds.
            try Self.write("2G\n", to: group + "/memory.max")
            let goesOn = try Deadline(.seconds(20)).poll {
                (try guest.memoryDevice("vm0").size ?? 0) > plugged ? true : nil
            }
            try #require(goesOn == true)
            try guest.waitForSize(.gibibytes(1), of: "vm0", within: .seconds(60))
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }
}
