import Testing

/// A guest's administrator decides what becomes of plugged memory.
@Suite(.serialized, .needsKVMHost) struct OnlinePolicyTests {
    @Test func movableByRatioByHandAndKernel() throws {
        try bringOnlineInEveryWay(.debian13())
    }
}

/// Plugs memory that is brought online in each way that Linux knows, in one guest.
func bringOnlineInEveryWay(_ kernel: GuestKernel) throws {
    let size: UInt64 = .gibibytes(2)
    let arguments = ["--memory", "256M", "--virtio-mem", "id=vm0,size=\(size)", "--cmdline", "init_on_alloc=0"]
    try withGuest(kernel, arguments) { guest in
        let view = try DeviceView("vm0", ofSize: size, in: guest)
        try onlineAsMovable(view)
        try onlineByHand(view)
        try onlineByRatio(view)
        try onlineAsKernel(view)
        try guest.requireHealthyKernel()
        try guest.requireSilence()
        try guest.quit()
    }
}

private func onlineAsMovable(_ view: DeviceView) throws {
    try view.guest.setDefaultOnlineState("online_movable")
    try view.resize(to: .mebibytes(512))
    let blocks = try view.guest.linuxMemoryBlocks(in: view.addresses)
    try #require(blocks.allSatisfy { $0.state == "online" && $0.zones == ["Movable"] }, "\(blocks)")
    try view.resize(to: 0)
}

/// What is offline counts as plugged for the device, and is nothing for the guest's programs.
private func onlineByHand(_ view: DeviceView) throws {
    let guest = view.guest
    try guest.setDefaultOnlineState("offline")
    try guest.resize("vm0", to: .mebibytes(256))
    try view.requireAgreement(on: .mebibytes(256), online: 0)
    let blocks = try guest.linuxMemoryBlocks(in: view.addresses)
    try #require(blocks.count == 2 && blocks.allSatisfy { $0.state == "offline" }, "\(blocks)")
    for block in blocks {
        let number = block.address / LinuxMemoryBlock.size
        try guest.run("echo online_movable > /sys/devices/system/memory/memory\(number)/state")
    }
    try view.requireAgreement(on: .mebibytes(256))
    try view.resize(to: 0)
}

/// As much is movable as the ratio allows, and the rest is the kernel's.
private func onlineByRatio(_ view: DeviceView) throws {
    let parameters = "/sys/module/memory_hotplug/parameters"
    try view.guest.run("echo auto-movable > \(parameters)/online_policy; echo 150 > \(parameters)/auto_movable_ratio")
    try view.guest.setDefaultOnlineState("online")
    try view.resize(to: .mebibytes(768))
    let blocks = try view.guest.linuxMemoryBlocks(in: view.addresses)
    try #require(blocks.allSatisfy { $0.state == "online" }, "\(blocks)")
    let movable = blocks.filter { $0.zones == ["Movable"] }
    try #require(!movable.isEmpty && movable.count < blocks.count, "\(blocks)")
    try shrinkAsFarAsPossible(view)
    try view.guest.run("echo contig-zones > \(parameters)/online_policy")
}

/// The kernel may keep some of what it got for itself, here as after the resize before.
private func onlineAsKernel(_ view: DeviceView) throws {
    try view.guest.setDefaultOnlineState("online_kernel")
    try view.resize(to: .mebibytes(512))
    let blocks = try view.guest.linuxMemoryBlocks(in: view.addresses)
    try #require(blocks.allSatisfy { $0.state == "online" && $0.zones == ["Normal"] }, "\(blocks)")
    try shrinkAsFarAsPossible(view)
}

/// Asks for everything back, of which kernel memory may keep some; all sides agree on what is left.
private func shrinkAsFarAsPossible(_ view: DeviceView) throws {
    let before = try view.plugged
    try #require(try view.guest.monitor("qom-set vm0 requested-size 0") == "")
    let left = try view.waitUntilSettled()
    try #require(left < before / 2, "\(left) bytes of \(before) are still plugged")
    try view.requireAgreement(on: left)
}
