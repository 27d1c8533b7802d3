import Control
import JSON

/// Cloud Hypervisor's API for one VM, without HTTP: requests in, responses out, one after the other.
public final class VMManager<Host: VMHost> {
    private let host: Host
    private var state = VMState<Host.Machine>.absent

    public init(host: Host) {
        self.host = host
    }

    public func answer(_ request: APIRequest) -> APIResponse {
        defer { state.machine?.rest() }
        do throws(APIError) {
            if request.isForMetrics { return try metrics(request.method) }
            let endpoint = try Endpoint.find(request)
            try refresh()
            try endpoint.check(state.name)
            return try perform(endpoint.operation, request)
        } catch {
            let method = error.status == .methodNotAllowed ? Endpoint.method(for: request) : nil
            return APIResponse(error, allowedMethod: method)
        }
    }

    /// Takes note that a machine may have ended by itself.
    public func noticeEnd() {
        // Who does not answer now is asked again by the next request.
        try? refresh()
        state.machine?.rest()
    }

    /// Ends the VM, at the end of the server.
    public func end() {
        state.machine?.end()
        state = .absent
    }

    /// Learns where the VM is: its guest, and clients of QMP, change that, too.
    private func refresh() throws(APIError) {
        guard let config = state.config, let machine = state.machine else { return }
        guard let status = try machine.execute("query-status", []) else {
            // Its process is gone; what is left of it is not.
            machine.end()
            host.log("the VM has ended")
            state = .shutDown(config)
            return
        }
        state = status["running"] == true ? .running(config, machine) : .paused(config, machine)
    }

    private func perform(_ operation: Endpoint.Operation, _ request: APIRequest) throws(APIError) -> APIResponse {
        let body = request.body
        switch operation {
        case .ping: return .ping(process: host.process, version: host.version)
        case .endServer:
            end()
            return APIResponse(.noContent, endsServer: true)
        case .create: try create(body)
        case .delete:
            end()
            host.log("the VM is deleted")
        case .boot: try boot()
        case .info: return APIResponse(.ok, try info())
        case .counters: return APIResponse(.ok, try counters())
        case .pause: try execute("stop")
        case .resume: try execute("cont")
        case .shutDown: shutDown()
        case .reboot: try reboot()
        case .pressPowerButton: try execute("system_powerdown")
        case .resize: try resize { (config) throws(APIError) in try config.resize(body: body) }
        case .resizeZone: try resize { (config) throws(APIError) in try config.resizeZone(body: body) }
        case .addDevice(let kind):
            try changeDevices { (config) throws(APIError) in
                try config.add(kind, body: body, descriptors: request.descriptors)
            }
        case .removeDevice: try changeDevices { (config) throws(APIError) in try config.removeDevice(body: body) }
        case .missing(let text, let status): throw APIError(status, text)
        }
        return .done
    }

    // MARK: A VM's life

    private func create(_ body: [UInt8]) throws(APIError) {
        let config = try VMConfig(body: body)
        for file in config.files {
            if let problem = host.problem(with: file.path) {
                throw .invalid(file.field, "\(file.path): \(problem)")
            }
        }
        config.notes.forEach(host.log)
        state = .created(config)
        host.log("the VM is created")
    }

    private func boot() throws(APIError) {
        guard let config = state.config else { return }
        let machine = try host.start(
            VMStart(
                arguments: try config.arguments(firstNumber: host.firstPassedNumber), descriptors: config.descriptors,
                usesTerminal: config.serial.mode == .tty || config.console.mode == .tty,
                terminals: [("serial", config.serial), ("console", config.console)].filter { $0.1.mode == .pty }
                    .map(\.0)))
        state = .running(config, machine)
        host.log("the VM is booted")
    }

    private func shutDown() {
        guard let config = state.config else { return }
        state.machine?.end()
        state = .shutDown(config)
        host.log("the VM is shut down")
    }

    private func reboot() throws(APIError) {
        let wasPaused = state.name == .paused
        try execute("system_reset")
        if wasPaused { try execute("cont") }
    }

    /// - Parameter change: changes the configuration; returns what is meant.
    private func resize(_ change: (inout VMConfig) throws(APIError) -> VMResize) throws(APIError) {
        guard var config = state.config else { return }
        let resize = try change(&config)
        if state.machine != nil {
            if let zone = resize.zone, zone.deviceSize > 0 {
                try execute(
                    "qom-set",
                    [
                        .init("path", .string("/machine/peripheral/\(zone.id)")),
                        .init("property", "requested-size"), .init("value", .number(zone.hotpluggedSize)),
                    ])
            }
            if resize.changesBalloon, let balloon = config.balloon {
                // The machine is asked for what is left to the guest.
                let memory = config.memory.bootSize + (try devices().reduce(0) { $0 + $1.size })
                try execute("balloon", [.init("value", .number(memory - balloon.size))])
            }
        }
        state = state.with(config)
    }

    /// - Parameter change: changes the configuration, or throws.
    private func changeDevices(_ change: (inout VMConfig) throws(APIError) -> Void) throws(APIError) {
        guard var config = state.config else { return }
        guard state.machine == nil else {
            throw APIError(
                .badRequest,
                "the devices of a VM that is booted can't be changed yet: that is for the time between vm.create and"
                    + " vm.boot, or after vm.shutdown")
        }
        config.notes = []
        try change(&config)
        config.notes.forEach(host.log)
        state = state.with(config)
    }

    // MARK: What is told

    /// What a VM that is booted has counted; nothing for any other.
    private func metrics(_ method: String) throws(APIError) -> APIResponse {
        guard method == "GET" else {
            return APIResponse(
                APIError(.methodNotAllowed, "/metrics takes GET, not \(method)"), allowedMethod: "GET")
        }
        try refresh()
        guard state.machine != nil else { return APIResponse(metrics: "") }
        return APIResponse(metrics: try execute("x-swiftlet-query-metrics").string ?? "")
    }

    private func info() throws(APIError) -> JSONValue {
        let devices = try devices()
        guard let config = state.config else { return .null }
        let requestedSizes = Dictionary(devices.map { ($0.id, $0.requestedSize) }) { first, _ in first }
        return [
            "config": config.json(requestedSizes: requestedSizes, terminals: state.machine?.terminals ?? [:]),
            "state": .string(state.name.apiName),
            "memory_actual_size": .number(try memorySize(config, devices)),
        ]
    }

    /// Bytes that a guest has: what is there from the start and plugged, without what its balloon holds.
    private func memorySize(_ config: VMConfig, _ devices: [DeviceReport]) throws(APIError) -> UInt64 {
        if config.balloon != nil, state.machine != nil,
            let left = try execute("query-balloon")["actual"]?.unsigned
        {
            return left
        }
        return config.memory.bootSize + devices.reduce(0) { $0 + $1.size }
    }

    private func counters() throws(APIError) -> JSONValue {
        .object(
            try devices().map { device in
                JSONValue.Member(
                    device.id,
                    ["requested_bytes": .number(device.requestedSize), "plugged_bytes": .number(device.size)])
            })
    }

    /// The memory devices of a VM that is booted; else none.
    private func devices() throws(APIError) -> [DeviceReport] {
        guard let machine = state.machine else { return [] }
        guard let answer = try machine.execute("query-memory-devices", []) else {
            shutDown()
            return []
        }
        guard let devices = DeviceReport.all(in: answer) else {
            throw APIError(.internalServerError, "what the VM says of its memory devices can't be read")
        }
        return devices
    }

    @discardableResult
    private func execute(_ command: String, _ arguments: [JSONValue.Member] = []) throws(APIError) -> JSONValue {
        guard let result = try state.machine?.execute(command, arguments) else {
            shutDown()
            throw APIError(.methodNotAllowed, "the VM has just ended")
        }
        return result
    }
}
