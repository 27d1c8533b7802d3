import Foundation
import Host
import Synchronization
import Testing

/// A pod's machine: all devices in one, all of them at work, while memory comes and goes.
@Suite(.serialized, .needsKVMHost, .needsRoot) struct AllDevicesTests {
    /// What the guest does, each beside the others: it writes `ok` where all that it read is what it has to be.
    private static let work = [
        // Large pieces are written, and small ones read, past the guest's cache.
        "disk": """
        for i in 1 2 3; do dd if=/tmp/x of=/dev/vda bs=256k seek=$((i*16)) oflag=direct conv=fsync 2>/dev/null &&
        dd if=/dev/vda bs=16k skip=$((i*256)) count=1024 iflag=direct 2>/dev/null | cmp - /tmp/x || exit 1; done; echo ok
        """,
        "network":
            "iperf3 -c \(HostNetwork.peer) -t 15 --bidir >/tmp/n || cat /tmp/n; grep -q receiver /tmp/n && echo ok",
        "sockets":
            "vsock-send 6000 \(socketBytes) \(sockets) >/tmp/s; "
            + "grep -qx 'intact \(sockets)' /tmp/s && echo ok || cat /tmp/s",
        "files": """
        mkdir /tmp/here && tar xf /mnt/tree.tar -C /tmp/here && for i in 1 2; do mkdir /mnt/d$i &&
        tar xf /mnt/tree.tar -C /mnt/d$i && echo 3 >/proc/sys/vm/drop_caches && diff -r /tmp/here /mnt/d$i ||
        exit 1; done; echo ok
        """,
        "random": "dd if=/dev/hwrng of=/dev/null bs=4k count=64 2>/dev/null && echo ok",
        "console": "for i in $(seq 200); do echo line $i; sleep 0.2; done >/dev/hvc0 && echo ok",
    ]
    private static let sockets = 1000
    private static let socketBytes = 1 << 13
    private static let bootMemory: UInt64 = 768
    /// Both devices' sizes one after the other, again and again, in MiB.
    private static let sizes: [(UInt64, UInt64)] = [(256, 128), (128, 384), (384, 0), (0, 256)]

    @Test(arguments: GuestKernel.each) func nothingIsLostOrStuck(_ kernel: GuestKernel) throws {
        DescriptorLimit.raise()
        let directory = try TemporaryDirectory()
        let shared = try TemporaryDirectory()
        let network = try HostNetwork()
        let iperf = try network.start(["iperf3", "-s"])
        defer { iperf.end() }
        let transfers = try TransferServer(behind: network)
        _ = try directory.write("disk.img", Data(count: 32 << 20))
        try network.run("tar -C /usr/include/linux -cf \(shared.file("tree.tar")) netfilter_ipv4")
        let vsock = directory.file("vsock")
        let arguments = [
            "--memory", "\(Self.bootMemory)M", "--virtio-mem", "id=vm0,size=1G", "--virtio-mem", "id=vm1,size=1G",
            "--disk", "path=\(directory.file("disk.img"))", "--net", "tap=tap0", "--vsock", "cid=3,socket=\(vsock)",
            "--share", "tag=data,path=\(shared.path)", "--console", "file:\(directory.file("hvc0"))",
            "--balloon", "free-page-reporting=on,deflate-on-oom=on", "--rng", "on",
            // So that what is plugged can be had back whatever it is used for.
            "--cmdline", "memhp_default_state=online_movable",
        ]
        try withGuest(try kernel.adding(["iperf3"], in: directory), arguments) { guest in
            try guest.bringUpNetwork()
            try guest.run("mkdir /mnt && mount -t virtiofs data /mnt")
            try guest.run("(vsock-echo 5000 >/tmp/echo 2>&1 &); until grep -q listening /tmp/echo; do sleep 0.1; done")
            let echo = try EchoServer(at: vsock + "_6000")
            // A guest with so much to do may not answer in time.
            let sockets = try (0..<Self.sockets).map { _ in try HostSocket(port: 5000, of: vsock) }
            try transfers.begin(with: guest)
            for (name, script) in Self.work.sorted(by: { $0.key < $1.key }) {
                let line = script.replacing("\n", with: " ")
                try guest.run("((\(line)) >/tmp/\(name).now 2>&1; mv /tmp/\(name).now /tmp/\(name).done) & true")
            }
            let crowd = Crowd(SocketCrowd(sockets, size: Self.socketBytes))
            try resize(guest, until: crowd)
            #expect(crowd.failure == nil)
            for name in Self.work.keys { #expect(try guest.run("cat /tmp/\(name).done") == "ok\n", "\(name)") }
            try transfers.finish(with: guest)
            #expect(echo.peak == Self.sockets)
            try guest.requireSilence()
            try guest.requireHealthyKernel()
            try guest.quit()
        }
        let lines = try String(contentsOfFile: directory.file("hvc0"), encoding: .utf8).split(separator: "\r\n")
        #expect(lines == (1...200).map { "line \($0)" })
        for copy in ["d1", "d2"] {
            try network.run("diff -r /usr/include/linux/netfilter_ipv4 \(shared.file("\(copy)/netfilter_ipv4"))")
        }
    }

    /// Resizes both devices, and the balloon too, until all work is done, and takes both to 0 then.
    private func resize(_ guest: Guest, until crowd: Crowd) throws {
        let deadline = Deadline(.seconds(500))
        var rounds = 0
        var moved: UInt64 = 0
        while true {
            let (first, second) = Self.sizes[rounds % Self.sizes.count]
            let wanted = ["vm0": UInt64.mebibytes(first), "vm1": .mebibytes(second)]
            // A part of what the guest has, which it has back in the next round.
            try leave(guest, without: rounds % 2 == 0 ? 200 : 0)
            moved += try ask(guest, for: wanted)
            rounds += 1
            let done = Set(try guest.run("cd /tmp; ls | grep done; true").split(separator: "\n"))
            if rounds >= 2 * Self.sizes.count, crowd.isDone, done.count == Self.work.count { break }
            let missing = Self.work.keys.filter { !done.contains("\($0).done") }
            try #require(!deadline.hasPassed, "not done after \(rounds) rounds: \(missing), the crowd: \(crowd.isDone)")
        }
        #expect(moved >= .mebibytes(1024), "the guest resizes beside its work")
        try leave(guest, without: 0)
        for id in ["vm0", "vm1"] { try guest.resize(id, to: 0) }
    }

    /// Has the balloon take some MiB of what the guest has now.
    private func leave(_ guest: Guest, without taken: UInt64) throws {
        let plugged = try ["vm0", "vm1"].reduce(0) { $0 + (try guest.memoryDevice($1).size ?? 0) } >> 20
        try #require(try guest.monitor("balloon \(Self.bootMemory + plugged - taken)") == "")
    }

    /// Asks for sizes, and gives the guest some time, which has much else to do.
    ///
    /// - Returns: bytes that were plugged or unplugged.
    private func ask(_ guest: Guest, for wanted: [String: UInt64]) throws -> UInt64 {
        func sizes() throws -> [UInt64] {
            try wanted.keys.map { try #require(try guest.memoryDevice($0).size) }
        }
        let before = try sizes()
        for (id, size) in wanted { try #require(try guest.monitor("qom-set \(id) requested-size \(size)") == "") }
        _ = try Deadline(.seconds(15)).poll(every: 500) { try sizes() == Array(wanted.values) ? true : nil }
        return zip(before, try sizes()).reduce(0) { $0 + max($1.0, $1.1) - min($1.0, $1.1) }
    }
}

/// Programs of the host that are connected to one of the guest, and exchange bytes with it on a thread of their own.
private final class Crowd: Sendable {
    private let state = Mutex<(isDone: Bool, failure: String?)>((false, nil))

    init(_ crowd: sending SocketCrowd) {
        let crowd = UncheckedTransfer(crowd)
        Thread { [self] in
            var failure: String?
            do {
                try crowd.value.exchange(within: .seconds(450))
            } catch { failure = "\(error)" }
            state.withLock { $0 = (true, failure) }
        }.start()
    }

    var isDone: Bool { state.withLock { $0.isDone } }
    var failure: String? { state.withLock { $0.failure } }
}

/// Something that another thread takes over.
private struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
