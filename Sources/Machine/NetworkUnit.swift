import Configuration
import Devices
import GuestMemory
import Host
import SystemPackage
import Virtio

/// A network card in its place in a machine. It belongs to the event loop's thread.
final class NetworkUnit: DeviceUnit {
    private let unit: VirtioUnit<VirtioNet>
    private let loop: EventLoop
    private let ports: [TapPort]
    private let vhosts: [VhostPair]
    private let tapName: String
    private let warnings: DeviceWarnings

    /// What of a port is known here.
    private struct PortState {
        /// Where it is waited for, if it is.
        var token: EventLoop.Token?
        var wishes: VirtioNet.Wishes = []
        /// Whether the host gives frames to it, of several.
        var isEnabled: Bool
        var announced: Errno?
        /// Whether the host refused something, and is asked again.
        var isRetried = false
    }

    private var states: [PortState]

    /// Milliseconds until a host that refused something is asked again.
    private static let retryDelay: UInt64 = 200

    var place: any VirtioPlace { unit }

    init(
        _ device: NetworkDevice, machine: String, window: MachineLayout.VirtioWindow, memory: GuestMemory,
        loop: EventLoop, events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.loop = loop
        warnings = DeviceWarnings(about: device.id, loop: loop, events: events)
        tapName = if case .named(let name) = device.tap { "tap \(name)" } else { "its tap" }
        ports = try Self.open(device)
        // A queue that somebody else had before may still be switched off.
        states = ports.map { PortState(isEnabled: Tap.isEnabled($0.descriptor)) }
        do throws(SystemCallError) {
            let place = try VirtioPlaces(
                pairs: device.queueCount, isLineShared: device.usesVhost || window.isShared)
            vhosts = try Self.openVhosts(device, ports, place, memory)
            let offloads: Tap.Offloads =
                device.offloads
                ? Tap.supported(
                    [.checksum, .tcp4, .tcp6, .congestion, .udpFragments, .udp], of: ports[0].descriptor) : []
            let configuration = VirtioNetConfiguration(
                address: device.address(inMachine: machine).bytes, pairCount: device.queueCount, mtu: device.mtu,
                offloads: offloads)
            unit = VirtioUnit(
                VirtioNet(configuration, ports: ports, kernels: vhosts, memory: memory), window: window,
                memory: memory, interrupt: InterruptEvent(by: place.call), queues: place.queues)
            try unit.serve(
                on: loop, onQueue: { [unowned self] in process($0) }, onDriver: { [unowned self] in begin() })
            for (pair, vhost) in vhosts.enumerated() {
                for (part, error) in vhost.errors.enumerated() {
                    _ = try loop.add(error.descriptor, .readable) { [unowned self] _ in
                        error.drain()
                        fail(queue: 2 * pair + part)
                    }
                }
            }
        } catch {
            throw Self.explain(error, device)
        }
        update()
    }

    /// The events of a device, which exist before it.
    private struct VirtioPlaces {
        /// Interrupts the guest, where others than the device do that.
        let call: EventDescriptor?
        let queues: QueueEvents

        init(pairs: Int, isLineShared: Bool) throws(SystemCallError) {
            call = isLineShared ? try EventDescriptor() : nil
            queues = try QueueEvents(count: 2 * pairs + 1)
        }
    }

    func systemReset() {
        unit.systemReset()
        update()
    }

    // MARK: What happens

    private func process(_ index: Int) {
        warnings.warn(unit.transport.processQueue(index))
        guard let pair = unit.transport.withDevice({ $0.pair(ofQueue: index) }) else {
            // The control queue: pairs may have come into use, or gone out of it.
            return update()
        }
        settle(pair)
    }

    /// The driver has come further, or begins anew.
    private func begin() {
        if case .needsReset(let error) = unit.transport.driver, case .refusedByKernel = error { warnings.warn(error) }
        update()
    }

    /// A port has something, or has room, or is gone.
    private func serve(_ pair: Int, _ readiness: EventLoop.Readiness) {
        if readiness.contains(.readable) {
            warnings.warn(
                unit.transport.withQueue(2 * pair) { (device, queue) throws(VirtqueueError) in
                    try device.receive(pair: pair, queue)
                })
        }
        if readiness.contains(.writable) {
            warnings.warn(
                unit.transport.withQueue(2 * pair + 1) { (device, queue) throws(VirtqueueError) in
                    try device.transmit(pair: pair, queue)
                })
        }
        if !readiness.isDisjoint(with: .closed), states[pair].isEnabled {
            warnings.warn("\(tapName) is gone: the guest's link is down")
            unit.transport.withDevice { $0.takeLinkDown() }
            unit.transport.configurationChanged()
            return update()
        }
        settle(pair)
    }

    private func fail(queue index: Int) {
        let error = VirtqueueError.refusedByKernel(queue: index)
        if unit.transport.breakDown(error) { warnings.warn(error) }
    }

    // MARK: What follows

    /// Brings all pairs to what the driver wants of them.
    private func update() {
        for pair in ports.indices { settle(pair) }
    }

    /// Brings a pair to what the driver wants of it, and waits for its port as is fit now.
    private func settle(_ pair: Int) {
        let (wishes, problem) = unit.transport.withDevice { ($0.wants(pair: pair), $0.problem(ofPair: pair)) }
        if problem != states[pair].announced {
            states[pair].announced = problem
            if let problem { warnings.warn("\(tapName): frames are lost: \(Self.text(problem))") }
        }
        do throws(SystemCallError) {
            try enable(pair, !wishes.isEmpty || pair == 0)
            try wait(for: pair, wishes)
        } catch {
            warnings.warn("\(tapName): \(error)")
            if !wishes.isEmpty { retry(pair) }
        }
    }

    /// Asks the host again after a while: what it lacks now it may have then.
    private func retry(_ pair: Int) {
        guard !states[pair].isRetried else { return }
        states[pair].isRetried = true
        loop.schedule(afterMilliseconds: Self.retryDelay) { [unowned self] in
            states[pair].isRetried = false
            settle(pair)
        }
    }

    private func enable(_ pair: Int, _ isEnabled: Bool) throws(SystemCallError) {
        guard isEnabled != states[pair].isEnabled else { return }
        // Nothing is heard from a queue that is not in use, but that it is in error. One whose tap is gone can't be switched
        // off, and has no frames either.
        if !isEnabled {
            forget(pair)
            states[pair].isEnabled = false
        }
        try Tap.enable(ports[pair].descriptor, isEnabled)
        states[pair].isEnabled = isEnabled
        guard isEnabled, vhosts.isEmpty else { return }
        // What the driver has put there meanwhile.
        for index in 2 * pair...2 * pair + 1 { unit.queues.notify(queue: index) }
    }

    private func wait(for pair: Int, _ wishes: VirtioNet.Wishes) throws(SystemCallError) {
        guard wishes != states[pair].wishes else { return }
        guard !wishes.isEmpty else { return forget(pair) }
        var interest: EventLoop.Readiness = []
        if wishes.contains(.frames) { interest.insert(.readable) }
        if wishes.contains(.room) { interest.insert(.writable) }
        if let token = states[pair].token {
            try loop.modify(token, interest)
        } else {
            states[pair].token = try loop.add(ports[pair].descriptor, interest) { [unowned self] in serve(pair, $0) }
        }
        states[pair].wishes = wishes
        // The kernel takes the events of the queues that it serves.
        guard !vhosts.isEmpty else { return }
        for index in 2 * pair...2 * pair + 1 { try unit.listen(toQueue: index, false, on: loop) }
    }

    private func forget(_ pair: Int) {
        states[pair].wishes = []
        guard let token = states[pair].token else { return }
        loop.remove(token)
        states[pair].token = nil
        guard !vhosts.isEmpty else { return }
        for index in 2 * pair...2 * pair + 1 { try? unit.listen(toQueue: index, true, on: loop) }
    }

    private static func text(_ problem: Errno) -> String {
        problem == .ioError ? "it is down" : "\(problem)"
    }

    // MARK: Beginning

    private static func open(_ device: NetworkDevice) throws(MachineError) -> [TapPort] {
        var queues = device.openQueues
        var isOwned = false
        if queues.isEmpty, case .named(let name) = device.tap {
            do throws(TapError) {
                queues = try Tap.open(name, queueCount: device.queueCount).map(\.rawValue)
            } catch {
                throw .configuration(ConfigurationError(device.option, "tap \(name): \(error)"))
            }
            isOwned = true
        }
        var ports: [TapPort] = []
        for number in queues {
            let descriptor = FileDescriptor(rawValue: number)
            do throws(SystemCallError) {
                let queue = isOwned ? OwnedFileDescriptor(descriptor) : try OwnedFileDescriptor(duplicating: descriptor)
                ports.append(TapPort(queue))
            } catch {
                throw .host(error)
            }
            do throws(TapError) {
                try Tap.prepare(ports[ports.count - 1].descriptor)
            } catch {
                throw .configuration(ConfigurationError(device.option, "fd \(number): \(error)"))
            }
        }
        return ports
    }

    private static func openVhosts(
        _ device: NetworkDevice, _ ports: [TapPort], _ place: VirtioPlaces, _ memory: GuestMemory
    ) throws(SystemCallError) -> [VhostPair] {
        guard device.usesVhost, let call = place.call else { return [] }
        var vhosts: [VhostPair] = []
        for (pair, port) in ports.enumerated() {
            let file: OwnedFileDescriptor
            if device.vhostDescriptors.isEmpty {
                file = try OwnedFileDescriptor(opening: VhostNet.path, .readWrite)
            } else {
                file = try OwnedFileDescriptor(
                    duplicating: FileDescriptor(rawValue: device.vhostDescriptors[pair]))
            }
            let events = place.queues.events
            vhosts.append(
                try VhostPair(
                    file, tap: port, memory: memory, kicks: [events[2 * pair], events[2 * pair + 1]],
                    call: call))
        }
        return vhosts
    }

    private static func explain(_ error: SystemCallError, _ device: NetworkDevice) -> MachineError {
        guard error.call == "VHOST_SET_MEM_TABLE", error.errno == .argListTooLong else { return .host(error) }
        return .configuration(
            ConfigurationError(
                device.option,
                "vhost=on: the host's kernel takes fewer regions of memory than this machine has; boot memory is one or"
                    + " more, and so is each memory device (/sys/module/vhost/parameters/max_mem_regions)"))
    }
}
