import Foundation
import Testing

/// Disks and random numbers, as Linux uses them.
@Suite(.serialized, .needsKVMHost, .needsRoot) struct DiskTests {
    private static let megabyte = 1 << 20

    /// Bytes that look random, the same for the same seed, in pieces that differ by their number: a test's program is
    /// slow in an emulated host.
    private static func pattern(_ count: Int, seed: UInt64) -> Data {
        var state = seed | 1
        let numbers = (0..<8192).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state.byteSwapped
        }
        var piece = numbers.withUnsafeBytes { Data($0) }
        var data = Data(capacity: count)
        for number in 0..<UInt64(count / piece.count) {
            withUnsafeBytes(of: number) { piece.replaceSubrange(0..<8, with: $0) }
            data.append(piece)
        }
        return data
    }

    /// Two disks, one of them for reading, beside memory that is resized all the while.
    @Test(arguments: GuestKernel.each) func disksKeepWhatTheyAreGiven(_ kernel: GuestKernel) throws {
        let directory = try TemporaryDirectory()
        let first = Self.pattern(24 * Self.megabyte, seed: 1)
        let second = Self.pattern(8 * Self.megabyte, seed: 2)
        let root = try directory.write("root.img", first)
        let data = try directory.write("data.img", second)
        let arguments = [
            "--memory", "256M", "--virtio-mem", "id=vm0,size=1G",
            "--disk", "path=\(root),id=root,serial=the-first", "--disk", "path=\(data),readonly=on,queues=2",
        ]
        try withGuest(kernel, arguments) { guest in
            try guest.resize("vm0", to: .mebibytes(256))
            for (device, image) in [("vda", root), ("vdb", data)] {
                let seen = try guest.run("md5sum </dev/\(device)").prefix(32)
                #expect(seen == (try sum(of: image)))
            }
            #expect(try guest.run("echo $(cat /sys/block/vda/serial)") == "the-first\n")
            #expect(try guest.run("cat /sys/block/vdb/ro") == "1\n")
            #expect(try guest.run("(echo x >/dev/vdb) 2>&1; true").contains("not permitted"))
            try writeFiles(guest)
            try guest.resize("vm0", to: 0)
            let written = try guest.run("md5sum </dev/vda").prefix(32)
            #expect(written == (try sum(of: root)))
            try requireRandomNumbers(guest)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        // What the guest did not write is as it was.
        #expect(try Data(contentsOf: URL(fileURLWithPath: data)) == second)
        #expect(try Data(contentsOf: URL(fileURLWithPath: root)).suffix(Self.megabyte) == first.suffix(Self.megabyte))
    }

    /// Writes in large and small pieces, with and without the guest's cache, and gives a range back.
    private func writeFiles(_ guest: Guest) throws {
        try guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=4 2>/dev/null")
        try guest.run("dd if=/tmp/x of=/dev/vda bs=1M seek=2 conv=fsync 2>/dev/null")
        try guest.run("dd if=/tmp/x of=/dev/vda bs=4k seek=2000 oflag=direct count=200 2>/dev/null")
        let copy = try guest.run("dd if=/dev/vda bs=1M skip=2 count=4 iflag=direct 2>/dev/null | cmp - /tmp/x; echo $?")
        #expect(copy == "0\n")
        try guest.run("blkdiscard -o 16777216 -l 1048576 /dev/vda")
        #expect(try guest.run("dd if=/dev/vda bs=1M skip=16 count=1 2>/dev/null | tr -d '\\0' | wc -c") == "0\n")
        try guest.run("sync")
    }

    private func requireRandomNumbers(_ guest: Guest) throws {
        #expect(try guest.run("cat /sys/class/misc/hw_random/rng_current") == "virtio_rng.0\n")
        #expect(try guest.run("dd if=/dev/hwrng bs=64 count=16 2>/dev/null | wc -c") == "1024\n")
    }

    /// The host's sum of a file.
    private func sum(of path: String) throws -> Substring {
        try Shell.output(of: ["md5sum", path]).prefix(32)
    }

    /// A guest is told that its disk is full, and both live on; with room again it can write.
    @Test func fullHostIsAnIOError() throws {
        let directory = try TemporaryDirectory()
        let small = directory.file("small")
        try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: false)
        try #require(mount("none", small, "tmpfs", 0, "size=4M") == 0)
        defer { umount2(small, Int32(MNT_DETACH)) }
        let image = small + "/disk.img"
        try #require(FileManager.default.createFile(atPath: image, contents: nil))
        try #require(truncate(image, 64 << 20) == 0)
        try withGuest(.debian12(), ["--memory", "256M", "--disk", "path=\(image)"]) { guest in
            let failed = try guest.run("dd if=/dev/zero of=/dev/vda bs=64k count=512 oflag=direct 2>&1; true")
            #expect(failed.contains("Input/output error"))
            try guest.process.waitForError("disk0: write: No space left on device; the guest gets an I/O error")
            try #require(mount("none", small, "tmpfs", UInt(MS_REMOUNT), "size=128M") == 0)
            try guest.run("dd if=/dev/zero of=/dev/vda bs=64k count=512 oflag=direct")
            try guest.quit()
        }
    }

    /// Without io_uring the same is done by threads.
    @Test func threadsTakeThePlaceOfIOUring() throws {
        let file = "/proc/sys/kernel/io_uring_disabled"
        let former = try? String(contentsOfFile: file, encoding: .utf8)
        guard former != nil else { return }
        try "2".write(toFile: file, atomically: false, encoding: .utf8)
        defer { try? (former ?? "0").write(toFile: file, atomically: false, encoding: .utf8) }
        let directory = try TemporaryDirectory()
        let image = try directory.write("disk.img", Self.pattern(8 * Self.megabyte, seed: 3))
        try withGuest(.debian13(), ["--memory", "256M", "--disk", "path=\(image),cache=unsafe,discard=off"]) { guest in
            try guest.run("dd if=/dev/urandom of=/dev/vda bs=64k seek=20 count=40 oflag=direct 2>/dev/null")
            let seen = try guest.run("md5sum </dev/vda").prefix(32)
            #expect(seen == (try sum(of: image)))
            try guest.quit()
        }
    }

    @Test(arguments: [
        ("missing.img", "cannot be opened: No such file or directory"),
        (".", "a directory, where a disk's image or a block device is wanted"),
        ("empty.img", "the image has less than 512 bytes"),
        ("pipe", "neither a regular file nor a block device"),
        ("used.img", "another disk or program has the image"),
    ])
    func filesThatAreNoDisks(_ name: String, _ message: String) throws {
        let directory = try TemporaryDirectory()
        _ = try directory.write("empty.img", Data())
        let used = try directory.write("used.img", Data(count: 512))
        try #require(mkfifo(directory.file("pipe"), 0o600) == 0)
        let descriptor = open(used, O_RDWR)
        defer { close(descriptor) }
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        // F_OFD_SETLK, which Glibc does not show to Swift.
        let setLock: Int32 = 37
        try #require(fcntl(descriptor, setLock, &lock) == 0)
        let kernel = GuestKernel.debian12()
        let process = try SwiftletProcess(
            ["run"] + kernel.arguments + ["--disk", "path=\(directory.file(name))"], streams: .pipes)
        try reportingOutput(of: process) {
            try process.waitForError("--disk disk0: path \(directory.file(name)): \(message)")
            #expect(try process.waitUntilEnded() == .exited(1))
        }
    }
}
