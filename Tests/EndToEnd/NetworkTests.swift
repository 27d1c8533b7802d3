import Foundation
import Testing

/// Network cards, as Linux uses them.
@Suite(.serialized, .needsKVMHost, .needsRoot) struct NetworkTests {
    /// Both ways at once, while two memory devices grow and shrink; the host's kernel in place of the process, too.
    @Test(arguments: GuestKernel.each, [false, true])
    func nothingIsLost(_ kernel: GuestKernel, _ vhost: Bool) throws {
        let network = try HostNetwork()
        let server = try TransferServer(behind: network)
        let arguments = [
            "--memory", "256M", "--virtio-mem", "id=vm0,size=1G", "--virtio-mem", "id=vm1,size=1G", "--net",
            "tap=tap0,mac=52:54:00:aa:bb:cc,vhost=\(vhost ? "on" : "off")",
        ]
        try withGuest(kernel, arguments) { guest in
            #expect(try guest.run("cat /sys/class/net/eth0/address") == "52:54:00:aa:bb:cc\n")
            try guest.bringUpNetwork()
            try server.transfer(with: guest) {
                for size: UInt64 in [256, 0, 384, 0] {
                    try guest.resize("vm0", to: .mebibytes(size))
                    try guest.resize("vm1", to: .mebibytes(384 - size))
                }
            }
            // Frames that no page of the driver's holds whole.
            try guest.run("ping -c 5 -i 0.2 -w 30 -s 1400 \(HostNetwork.peer) >/dev/null")
            try guest.run("ping -c 2 -i 0.2 -w 30 -s 20000 \(HostNetwork.peer) >/dev/null")
            try guest.requireSilence()
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// Programs that measure networks, over several pairs of queues.
    @Test(arguments: [false, true]) func severalQueues(_ vhost: Bool) throws {
        let network = try HostNetwork(multipleQueues: true)
        let server = try network.start(["iperf3", "-s", "-1"])
        defer { server.end() }
        let directory = try TemporaryDirectory()
        let kernel = try GuestKernel.debian13().adding(["iperf3"], in: directory)
        let arguments = [
            "--cpus", "2", "--memory", "384M", "--net", "tap=tap0,queues=2,mtu=1400,vhost=\(vhost ? "on" : "off")",
        ]
        try withGuest(kernel, arguments) { guest in
            try guest.bringUpNetwork()
            #expect(try guest.run("ls -d /sys/class/net/eth0/queues/* | wc -l") == "4\n")
            #expect(try guest.run("cat /sys/class/net/eth0/mtu") == "1400\n")
            let report = try guest.run(
                "iperf3 -c \(HostNetwork.peer) -t 3 -P 4 --bidir | grep SUM", within: .seconds(120))
            #expect(report.contains("sender") && report.contains("receiver"))
            let interrupts = try guest.run("grep -c 'virtio.*config\\|virtio' /proc/interrupts")
            #expect(interrupts != "0\n")
            try guest.requireSilence()
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    /// Without offloads there is none; a guest that restarts has its network again; and a tap that goes takes the link
    /// down, and nothing else.
    @Test func plainFramesRestartsAndALostTap() throws {
        let network = try HostNetwork()
        let server = try TransferServer(behind: network)
        let arguments = ["--memory", "256M", "--name", "plain", "--net", "tap=tap0,offload=off,id=lan"]
        let directory = try TemporaryDirectory()
        setenv("XDG_RUNTIME_DIR", directory.path, 1)
        defer { unsetenv("XDG_RUNTIME_DIR") }
        try withGuest(.debian12(), arguments) { guest in
            try guest.bringUpNetwork()
            try server.transfer(with: guest)
            let address = try guest.run("cat /sys/class/net/eth0/address")
            try guest.begin("reboot")
            try guest.waitUntilReady()
            try guest.waitForShell()
            try guest.bringUpNetwork()
            #expect(try guest.run("cat /sys/class/net/eth0/address") == address)
            #expect(try guest.run("cat /sys/class/net/eth0/carrier") == "1\n")
            try network.run("ip link del tap0")
            try guest.process.waitForError("lan: tap tap0 is gone: the guest's link is down")
            let carrier = "for i in 1 2 3 4 5 6 7 8 9; do grep -q 0 /sys/class/net/eth0/carrier && break; sleep 1; done"
            try guest.run(carrier)
            #expect(try guest.run("cat /sys/class/net/eth0/carrier") == "0\n")
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    @Test func tapsThatCannotBeHad() throws {
        let network = try HostNetwork(taps: ["tap0", "tap1"])
        try network.run("ip tuntap add dev tun7 mode tun")
        defer { _ = try? Shell.run("ip link del tun7") }
        let kernel = GuestKernel.debian12()
        try withGuest(kernel, ["--memory", "128M", "--net", "tap=tap0"], waits: false) { guest in
            for (option, message) in [
                ("tap=tap0", "--net net0: tap tap0: another machine or program has it"),
                ("tap=tap9", "--net net0: tap tap9: there is no such interface; make it: ip tuntap add dev tap9"),
                ("tap=lo", "--net net0: tap lo: no tap"),
                ("tap=tun7", "--net net0: tap tun7: no tap"),
                ("tap=tap1,queues=2", "no tap for several queues; 'ip tuntap add dev tap1 mode tap multi_queue'"),
                ("fd=0", "--net net0: fd 0: no tap is open there"),
                ("fd=77", "--net net0: fd 77: no tap is open there"),
            ] {
                try refuse(["run"] + kernel.arguments + ["--net", option], message)
            }
            try network.run("ip tuntap add dev tap7 mode tap user 1")
            defer { _ = try? Shell.run("ip link del tap7") }
            try refuse(
                ["run"] + kernel.arguments + ["--net", "tap=tap7"],
                "--net net0: tap tap7: permission denied; it has to belong to you: ip tuntap add dev tap7 mode tap user",
                prefix: ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"])
            try guest.quit()
        }
    }

    private func refuse(_ arguments: [String], _ message: String, prefix: [String] = []) throws {
        let process = try SwiftletProcess(arguments, prefix: prefix)
        try reportingOutput(of: process) {
            try process.waitForError(message)
            let status = try process.waitUntilEnded()
            #expect(status != .exited(0))
        }
    }
}
