import Foundation
import Testing

/// Guests whose root is a disk that GuestImages/build made.
@Suite(.serialized, .needsKVMHost) struct RootDiskTests {
    private static let root = "swiftlet.root=/dev/vda,ext4"

    /// Boots with a root disk, up to the shell that is started there.
    private func withRoot(
        _ kernel: GuestKernel, _ disk: String, _ words: String, _ body: (Guest) throws -> Void
    ) throws {
        let arguments = ["--memory", "256M", "--disk", disk, "--cmdline", words]
        try withGuest(kernel, arguments, waits: false) { guest in
            // Once from the initramfs, once from the disk.
            for _ in 0..<2 { try guest.waitUntilReady() }
            try guest.waitForShell()
            try body(guest)
        }
    }

    @Test(arguments: GuestKernel.each) func whatIsWrittenIsThereAfterAReboot(_ kernel: GuestKernel) throws {
        let directory = try TemporaryDirectory()
        let disk = directory.file("root.img")
        try kernel.copyRootDisk(to: disk)
        let random = "od -An -N16 -tx1 /dev/urandom"
        var written = ""
        try withRoot(kernel, "path=\(disk)", Self.root) { guest in
            try requireDebian(guest, of: kernel, mode: "rw")
            written = try guest.run("\(random) >/root/mark && cat /root/mark")
            try guest.begin("reboot")
            for _ in 0..<2 { try guest.waitUntilReady() }
            try guest.waitForShell()
            #expect(try guest.run("cat /root/mark") == written)
            try guest.run("modprobe loop && grep -q '^loop ' /proc/modules")
            try guest.powerOff()
        }
        try #require(!written.isEmpty)
        // What one machine left whole, another can read without writing.
        try withRoot(kernel, "path=\(disk),readonly=on", Self.root + ",ro") { guest in
            try requireDebian(guest, of: kernel, mode: "ro")
            #expect(try guest.run("cat /root/mark") == written)
            #expect(try guest.run("touch /root/more 2>&1; true").contains("Read-only file system"))
            #expect(try guest.run("touch /tmp/more && ls /tmp") == "more\n")
            try guest.powerOff()
        }
    }

    private func requireDebian(_ guest: Guest, of kernel: GuestKernel, mode: String) throws {
        #expect(try guest.run("grep -c 'Debian GNU/Linux 12' /etc/os-release") != "0\n")
        #expect(try guest.run("grep -c '^/dev/vda / ext4 \(mode)' /proc/mounts; true") == "1\n")
        #expect(try guest.run("uname -r") == "\(kernel.release())\n")
        #expect(try guest.run("tty") == "/dev/ttyS0\n")
        // Nothing was mounted twice on the way.
        #expect(try guest.run("cut -d' ' -f2 /proc/mounts | sort | uniq -d | grep -v '^/$'; true") == "")
        try guest.requireHealthyKernel()
    }

    /// One image, which nobody writes to, is the root of two machines at once.
    @Test func machinesShareAnImage() throws {
        let kernel = GuestKernel.debian12()
        let disk = "path=\(kernel.rootDisk),readonly=on"
        try withRoot(kernel, disk, Self.root + ",ro") { first in
            try withRoot(kernel, disk, Self.root + ",ro") { second in
                let sums = try [first, second].map { try $0.run("md5sum /usr/bin/dpkg /bin/bash") }
                #expect(sums[0] == sums[1])
                try second.powerOff()
            }
            try first.powerOff()
        }
    }

    /// A root that is not there leaves the guest where it can be looked at.
    @Test func aRootThatIsNotThere() throws {
        try withGuest(.debian12(), ["--memory", "256M", "--cmdline", Self.root]) { guest in
            #expect(try guest.run("cat /proc/mounts").contains("/dev/vda") == false)
            try guest.powerOff()
        }
    }
}
