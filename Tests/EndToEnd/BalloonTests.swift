import Foundation
import Testing

/// The balloon, and what a guest tells of free memory, as Linux does that.
@Suite(.serialized, .needsKVMHost) struct BalloonTests {
    private static let settling: Duration = .seconds(120)

    /// Waits until something is so.
    private func wait(_ what: String, _ isSo: () throws -> Bool) throws {
        let deadline = Deadline(Self.settling)
        while try !isSo() {
            try #require(!deadline.hasPassed, "\(what)")
            usleep(500_000)
        }
    }

    private func resident(_ guest: Guest) throws -> UInt64 {
        try HostMemory(pid: guest.pid).resident
    }

    /// Has the guest write to that much memory, and give it up.
    private func touch(_ guest: Guest, _ mebibytes: UInt64) throws {
        try guest.run(
            "mkdir -p /tmp/t && mount -t tmpfs -o size=\(mebibytes + 8)M none /tmp/t"
                + " && dd if=/dev/zero of=/tmp/t/x bs=1M count=\(mebibytes) 2>/dev/null && umount /tmp/t",
            within: .seconds(180))
    }

    /// What `info balloon` says.
    private func actual(_ guest: Guest) throws -> String { try guest.monitor("info balloon") }

    @Test(arguments: [GuestKernel.debian12(), .debian13()]) func memoryInTheBalloonIsWithTheHost(
        _ kernel: GuestKernel
    ) throws {
        try withGuest(kernel, ["--memory", "512M", "--balloon", "deflate-on-oom=on"]) { guest in
            try #require(try actual(guest) == "balloon: actual=512\n")
            let total = try guest.memory().total
            try touch(guest, 300)
            let full = try resident(guest)
            try #require(full > .mebibytes(320))
            // Plain numbers are MiB.
            try #require(try guest.monitor("balloon 192") == "")
            try wait("the balloon is filled") { try actual(guest) == "balloon: actual=192\n" }
            let less = try resident(guest)
            #expect(less < .mebibytes(230), "\(full >> 20) MiB, then \(less >> 20)")
            #expect(try guest.memory().free < .mebibytes(192))
            try #require(try guest.monitor("balloon 512M") == "")
            try wait("the balloon is empty") { try actual(guest) == "balloon: actual=512\n" }
            #expect(try guest.memory().total == total)
            // What was in it can be used, and holds what is written.
            let sum = try guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=128 2>/dev/null; md5sum </tmp/x")
            #expect(try guest.run("md5sum </tmp/x") == sum)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// The guest takes out of it what it can't do without, rather than to kill.
    @Test func theGuestTakesBackWhatItNeeds() throws {
        try withGuest(.debian12(), ["--memory", "512M", "--balloon", "size=320M,deflate-on-oom=on"]) { guest in
            try wait("the balloon is filled") { try actual(guest) == "balloon: actual=192\n" }
            try #require(try guest.run("memory-touch 0 250M", within: .seconds(180)).hasPrefix("touched"))
            let text = try actual(guest).dropFirst("balloon: actual=".count).dropLast()
            #expect(try #require(Int(text)) > 192)
            try guest.quit()
        }
    }

    /// Nobody has to ask: what the guest has free is with the host soon.
    @Test(arguments: [GuestKernel.debian12(), .debian13()]) func freeMemoryIsReported(_ kernel: GuestKernel) throws {
        let arguments = [
            "--memory", "512M", "--virtio-mem", "id=vm0,size=1G,requested-size=256M", "--balloon",
            "free-page-reporting=on",
        ]
        try withGuest(kernel, arguments) { guest in
            try guest.resize("vm0", to: .mebibytes(256))
            try touch(guest, 500)
            try wait("free memory goes back") { try resident(guest) < .mebibytes(300) }
            // It is as good as before.
            let sum = try guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=256 2>/dev/null; md5sum </tmp/x")
            #expect(try guest.run("md5sum </tmp/x") == sum)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// Memory comes and goes in blocks beside it all the while, and nothing that is unplugged is touched.
    @Test(arguments: [GuestKernel.debian12(), .debian13()]) func besideDevicesThatAreResized(
        _ kernel: GuestKernel
    ) throws {
        let arguments = [
            "--memory", "512M", "--virtio-mem", "id=vm0,size=1G", "--virtio-mem", "id=vm1,size=1G", "--balloon",
            "free-page-reporting=on,deflate-on-oom=on",
        ]
        try withGuest(kernel, arguments) { guest in
            let sum = try guest.run("dd if=/dev/urandom of=/tmp/x bs=1M count=64 2>/dev/null; md5sum </tmp/x")
            for round in 1...2 {
                let (first, second): (UInt64, UInt64) = round % 2 == 1 ? (512, 128) : (128, 384)
                // What is in the balloon can't be unplugged as well: some memory has to be left over.
                try guest.monitor("balloon \(round % 2 == 1 ? 700 : 1000)")
                try guest.resize("vm0", to: .mebibytes(first))
                try guest.resize("vm1", to: .mebibytes(second))
                try touch(guest, 150)
                #expect(try guest.run("md5sum </tmp/x") == sum, "round \(round)")
            }
            try guest.monitor("balloon 8G")
            try wait("the balloon is empty") { try actual(guest) == "balloon: actual=1024\n" }
            try guest.resize("vm0", to: 0)
            try guest.resize("vm1", to: 0)
            #expect(try guest.run("md5sum </tmp/x") == sum)
            #expect(try guest.monitor("info status") == "VM status: running\n")
            // A slow host makes resizes slow, which is told; nothing else is.
            let warnings = guest.process.errors.text.split(separator: "\n").filter { !$0.contains("nothing has moved") }
            #expect(warnings.isEmpty)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }
}
