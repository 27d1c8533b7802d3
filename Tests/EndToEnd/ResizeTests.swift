import Testing

/// Memory devices grow and shrink while a guest runs, each in its node.
@Suite(.serialized, .needsKVMHost) struct ResizeTests {
    /// Three devices in three nodes, one of which has neither vCPUs nor boot memory.
    @Test(arguments: [GuestKernel.debian12(.bzImage), .debian13(.elf)])
    func threeDevicesInThreeNodes(kernel: GuestKernel) throws {
        let arguments = [
            "--cpus", "4", "--name", "three",
            "--numa", "node=0,cpus=0-1,memory=192M", "--numa", "node=1,cpus=2-3,memory=128M", "--numa", "node=2",
            "--virtio-mem", "id=vm0,size=2G,node=0,requested-size=128M",
            // Less than what Linux plugs and unplugs by, which is 128M.
            "--virtio-mem", "id=vm1,size=3G,node=1,requested-size=80M", "--virtio-mem", "id=vm2,size=2G,node=2",
        ]
        try withGuest(kernel, arguments) { guest in
            try guest.waitForSize(.mebibytes(128), of: "vm0")
            try guest.waitForSize(.mebibytes(80), of: "vm1")
            try requireMonitorToDescribe(guest)
            try requireNodes(of: guest)

            try guest.resize("vm2", to: .gibibytes(1))
            try guest.waitForTotal(.gibibytes(1), ofNode: 2)
            try #require(try guest.monitor("qom-get vm2 size") == "1073741824\n")
            let requests = try guest.run("dmesg | grep virtio_mem")
            try #require(requests.contains("requested size: 0x40000000"), "\(requests)")

            try guest.resize("vm2", to: 0)
            try #require(try guest.memory(ofNode: 2).total == 0)
            try guest.waitForNoSlots(of: "vm2")

            try requireNodesToShrink(guest)
            try guest.requireHealthyKernel()
            try guest.quit()
        }
    }

    private func requireMonitorToDescribe(_ guest: Guest) throws {
        let devices = """
            Memory device [virtio-mem]: "vm0"
              memaddr: 0x100000000
              node: 0
              requested-size: 134217728
              size: 134217728
              max-size: 2147483648
              block-size: 2097152
              memdev: /objects/vm0-mem
            Memory device [virtio-mem]: "vm1"
              memaddr: 0x180000000
              node: 1
              requested-size: 83886080
              size: 83886080
              max-size: 3221225472
              block-size: 2097152
              memdev: /objects/vm1-mem
            Memory device [virtio-mem]: "vm2"
              memaddr: 0x280000000
              node: 2
              requested-size: 0
              size: 0
              max-size: 2147483648
              block-size: 2097152
              memdev: /objects/vm2-mem

            """
        try #require(try guest.monitor("info memory-devices") == devices)
        let nodes = """
            3 nodes
            node 0 cpus: 0 1
            node 0 size: 320 MB
            node 0 plugged: 128 MB
            node 1 cpus: 2 3
            node 1 size: 208 MB
            node 1 plugged: 80 MB
            node 2 cpus:
            node 2 size: 0 MB
            node 2 plugged: 0 MB

            """
        try #require(try guest.monitor("info numa") == nodes)
        let slots = """
            0x0-0x13ffffff 335544320 ram
            0x100000000-0x107ffffff 134217728 vm0
            0x180000000-0x18fffffff 268435456 vm1

            """
        try #require(try guest.monitor("info memory-slots") == slots)
        try #require(try guest.monitor("info name") == "three\n")
    }

    private func requireNodes(of guest: Guest) throws {
        let nodes = "/sys/devices/system/node"
        // Linux knows the node without memory all along, since SRAT names it.
        try #require(try guest.run("cat \(nodes)/possible") == "0-2\n")
        try #require(try guest.run("cat \(nodes)/node0/cpulist \(nodes)/node1/cpulist") == "0-1\n2-3\n")
    }

    /// What a node has less of without its device's memory is exactly what that had.
    private func requireNodesToShrink(_ guest: Guest) throws {
        let before = [try guest.memory(ofNode: 0).total, try guest.memory(ofNode: 1).total]
        try guest.resize("vm0", to: 0)
        try guest.resize("vm1", to: 0)
        try guest.waitForTotal(before[0] - .mebibytes(128), ofNode: 0)
        try guest.waitForTotal(before[1] - .mebibytes(80), ofNode: 1)
        try guest.waitForNoSlots(of: "vm0")
        try guest.waitForNoSlots(of: "vm1")
    }
}
