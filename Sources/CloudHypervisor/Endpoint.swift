/// One of the API's endpoints: a row of the table below.
struct Endpoint: Sendable {
    /// What a request to it does.
    enum Operation: Sendable, Equatable {
        case ping
        case endServer
        case create, boot, delete
        case info, counters
        case pause, resume, shutDown, reboot, pressPowerButton
        case resize, resizeZone
        case addDevice(VMDeviceKind), removeDevice
        /// There is nothing that it could be done to: what is missing, and the status that says so.
        case missing(String, APIStatus)
    }

    let method: String
    let name: String
    /// Where the VM must be for it.
    let states: Set<VMStateName>
    /// Where it is answered by 404 instead of 405.
    let notFoundStates: Set<VMStateName>
    let operation: Operation

    private init(
        _ method: String, _ name: String, in states: Set<VMStateName>, notFoundIn: Set<VMStateName> = [.absent],
        _ operation: Operation
    ) {
        self.method = method
        self.name = name
        self.states = states
        notFoundStates = notFoundIn
        self.operation = operation
    }

    /// All of them, as `cloud-hypervisor.yaml` lists them.
    static let all: [Endpoint] =
        [
            Endpoint("GET", "vmm.ping", in: .any, .ping),
            Endpoint("PUT", "vmm.shutdown", in: .any, .endServer),
            Endpoint("GET", "vm.info", in: .present, .info),
            Endpoint("GET", "vm.counters", in: .booted, .counters),
            Endpoint("PUT", "vm.create", in: [.absent], .create),
            // There is nothing to be deleted: that is done.
            Endpoint("PUT", "vm.delete", in: .any, .delete),
            Endpoint("PUT", "vm.boot", in: [.created, .shutDown], .boot),
            Endpoint("PUT", "vm.pause", in: [.running], .pause),
            Endpoint("PUT", "vm.resume", in: [.paused], notFoundIn: [.absent, .created, .shutDown], .resume),
            Endpoint("PUT", "vm.shutdown", in: .booted, .shutDown),
            Endpoint("PUT", "vm.reboot", in: .booted, .reboot),
            Endpoint("PUT", "vm.power-button", in: .booted, .pressPowerButton),
            Endpoint("PUT", "vm.resize", in: .present, .resize),
            Endpoint("PUT", "vm.resize-zone", in: .present, .resizeZone),
            Endpoint("PUT", "vm.resize-disk", in: .present, .missing("disks keep their size", .badRequest)),
            Endpoint("PUT", "vm.remove-device", in: .present, .removeDevice),
            Endpoint("PUT", "vm.snapshot", in: .booted, .missing("snapshots can't be made", .badRequest)),
            Endpoint("PUT", "vm.coredump", in: .booted, .missing("core dumps can't be made", .badRequest)),
            Endpoint("PUT", "vm.nmi", in: .booted, .missing("interrupts can't be injected", .badRequest)),
            Endpoint(
                "PUT", "vm.restore", in: [.absent], notFoundIn: .present,
                .missing("there are no snapshots to restore", .badRequest)),
            Endpoint("PUT", "vm.receive-migration", in: .any, .missing("VMs can't be migrated", .badRequest)),
            Endpoint("PUT", "vm.send-migration", in: .booted, .missing("VMs can't be migrated", .badRequest)),
        ]
        + VMDeviceKind.allCases.map { kind in
            Endpoint("PUT", "vm.add-\(kind.rawValue)", in: .present, .addDevice(kind))
        }
        + [
            ("device", "VFIO devices"), ("generic-vhost-user", "vhost-user devices"), ("pmem", "pmem devices"),
            ("vdpa", "vDPA devices"), ("user-device", "user devices"),
        ].map { name, devices in
            Endpoint("PUT", "vm.add-\(name)", in: .present, .missing("a VM can't have \(devices) yet", .badRequest))
        }

    /// The endpoint that a request is for.
    ///
    /// - Throws: `APIError` 404 where there is none, 405 where it has another method.
    static func find(_ request: APIRequest) throws(APIError) -> Endpoint {
        guard let endpoint = named(request.endpointName) else {
            throw APIError(.notFound, "there is no \(request.target.prefix(200)) here; see \(APIRequest.root)vmm.ping")
        }
        guard endpoint.method == request.method else {
            throw APIError(.methodNotAllowed, "\(endpoint.name) takes \(endpoint.method), not \(request.method)")
        }
        return endpoint
    }

    /// The method of the endpoint that a request is for, whatever its own; nil where there is no such endpoint.
    static func method(for request: APIRequest) -> String? { named(request.endpointName)?.method }

    private static func named(_ name: Substring?) -> Endpoint? {
        all.first { $0.name[...] == name }
    }

    /// Refuses what the VM's state does not allow.
    func check(_ state: VMStateName) throws(APIError) {
        guard !states.contains(state) else { return }
        if state == .absent {
            throw APIError(.notFound, "the VM is not created: vm.create comes before \(name)")
        }
        let status: APIStatus = notFoundStates.contains(state) ? .notFound : .methodNotAllowed
        if states == [.absent] {
            throw APIError(
                status == .notFound ? status : .conflict,
                "the VM is created already: vm.delete comes before \(name)")
        }
        let allowed = VMStateName.allCases.filter { states.contains($0) }.map(\.text).joined(separator: " or ")
        throw APIError(status, "the VM is \(state.text), and \(name) is for one that is \(allowed)")
    }
}
