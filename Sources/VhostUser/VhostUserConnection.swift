import Host
import SystemPackage

/// A connection to a back-end whose features are negotiated, and what it was told of memory and queues.
///
/// Each call says until when it waits. After an error other than `refused`, nothing is known of the back-end any more, and
/// the connection is good for nothing.
struct VhostUserConnection {
    let socket: MessageSocket
    /// Signalled by a back-end that can't go on. It is never read: whoever else has it can make reading wait.
    let errors: EventDescriptor
    /// Of virtio, as the back-end offers them.
    let features: UInt64
    /// Of the protocol, as negotiated.
    private var protocolFeatures: UInt64 = 0
    /// Queues of the back-end; nil where it does not tell.
    private(set) var queueCount: Int?
    /// Regions of memory that it takes.
    private(set) var regionLimit = Self.tableLimit
    /// Whether it was given memory.
    private(set) var hasMemory = false

    /// Regions of a memory table (SET_MEM_TABLE).
    private static let tableLimit = 8

    /// Says hello, and learns what the back-end can do.
    init(_ socket: MessageSocket, until deadline: MonotonicInstant) throws(VhostUserError) {
        self.socket = socket
        do throws(SystemCallError) {
            errors = try EventDescriptor()
        } catch {
            throw .host(error)
        }
        try Self.send(VhostUserMessage(.setOwner), to: socket, until: deadline)
        features = try Self.ask(.getFeatures, of: socket, until: deadline)
        guard features & VhostUserFeature.protocolFeatures != 0 else { return }
        let offered = try Self.ask(.getProtocolFeatures, of: socket, until: deadline)
        protocolFeatures = offered & VhostUserFeature.wanted
        try Self.send(
            VhostUserMessage(.setProtocolFeatures, number: protocolFeatures), to: socket, until: deadline)
        if has(VhostUserFeature.queueCount) {
            queueCount = Int(clamping: try Self.ask(.getQueueCount, of: socket, until: deadline))
        }
        if has(VhostUserFeature.memorySlots) {
            regionLimit = Int(clamping: try Self.ask(.getMemorySlotCount, of: socket, until: deadline))
        }
    }

    private func has(_ feature: UInt64) -> Bool { protocolFeatures & feature != 0 }

    /// Whether regions of memory can come and go while queues are served.
    var changesMemory: Bool { has(VhostUserFeature.memorySlots) }

    /// Says which of the features count.
    func setFeatures(_ chosen: UInt64, until deadline: MonotonicInstant) throws(VhostUserError) {
        // Without the protocol's own bit, queues would be enabled by themselves.
        let own = features & VhostUserFeature.protocolFeatures
        try perform(VhostUserMessage(.setFeatures, number: chosen | own), until: deadline)
    }

    /// Gives it the memory that it has from the start.
    mutating func setMemory(_ parts: [VhostUserMemoryPart], until deadline: MonotonicInstant) throws(VhostUserError) {
        if changesMemory {
            for part in parts {
                try add(part, until: deadline)
            }
        } else {
            guard parts.count <= Self.tableLimit else {
                throw .tooFewRegions(Self.tableLimit, needed: parts.count)
            }
            try perform(VhostUserMessage(memoryTable: parts), parts.map(\.file), until: deadline)
        }
        hasMemory = true
    }

    func add(_ part: VhostUserMemoryPart, until deadline: MonotonicInstant) throws(VhostUserError) {
        try perform(VhostUserMessage(.addMemoryRegion, part), [part.file], until: deadline)
    }

    func remove(_ part: VhostUserMemoryPart, until deadline: MonotonicInstant) throws(VhostUserError) {
        try perform(VhostUserMessage(.removeMemoryRegion, part), until: deadline)
    }

    /// Has it serve a queue, from its beginning.
    func start(_ queue: VhostUserQueue, until deadline: MonotonicInstant) throws(VhostUserError) {
        let index = queue.index
        try perform(VhostUserMessage(.setQueueSize, queue: index, UInt32(queue.size)), until: deadline)
        try perform(VhostUserMessage(.setQueueBase, queue: index), until: deadline)
        try perform(
            VhostUserMessage(
                queue: index, descriptorTable: queue.descriptorTable, usedRing: queue.usedRing,
                availableRing: queue.availableRing), until: deadline)
        for (request, event) in [
            (VhostUserRequest.setQueueError, errors.descriptor), (.setQueueCall, queue.call),
            (.setQueueKick, queue.kick),
        ] {
            try perform(VhostUserMessage(request, number: UInt64(index)), [event], until: deadline)
        }
        if features & VhostUserFeature.protocolFeatures != 0 {
            try perform(VhostUserMessage(.setQueueEnabled, queue: index, 1), until: deadline)
        }
    }

    /// Has it leave a queue alone. When this returns, it has done with the queue and its buffers.
    func stop(queue index: Int, until deadline: MonotonicInstant) throws(VhostUserError) {
        let message = VhostUserMessage(.getQueueBase, queue: index)
        try Self.send(message, to: socket, until: deadline)
        // The queue's number, and how far it has come, which the next driver does not want to know.
        let answer = try Self.reply(to: .getQueueBase, of: socket, until: deadline)
        guard UInt32(truncatingIfNeeded: answer) == UInt32(index) else { throw .wrongReply(.getQueueBase) }
    }

    /// Sends a request, and waits until it is done where the back-end can say so.
    private func perform(
        _ message: VhostUserMessage, _ descriptors: [FileDescriptor] = [], until deadline: MonotonicInstant
    ) throws(VhostUserError) {
        var message = message
        message.needsReply = has(VhostUserFeature.replies)
        try Self.send(message, descriptors, to: socket, until: deadline)
        guard message.needsReply else { return }
        guard try Self.reply(to: message.request, of: socket, until: deadline) == 0 else {
            throw .refused(message.request)
        }
    }

    private static func ask(
        _ request: VhostUserRequest, of socket: MessageSocket, until deadline: MonotonicInstant
    ) throws(VhostUserError) -> UInt64 {
        try send(VhostUserMessage(request), to: socket, until: deadline)
        return try reply(to: request, of: socket, until: deadline)
    }

    private static func send(
        _ message: VhostUserMessage, _ descriptors: [FileDescriptor] = [], to socket: MessageSocket,
        until deadline: MonotonicInstant
    ) throws(VhostUserError) {
        do throws(MessageSocket.Failure) {
            try socket.send(message.bytes, descriptors, until: deadline)
        } catch {
            throw VhostUserError(error, message.request)
        }
    }

    /// Each answer that is waited for here has one payload of 8 bytes.
    private static func reply(
        to request: VhostUserRequest, of socket: MessageSocket, until deadline: MonotonicInstant
    ) throws(VhostUserError) -> UInt64 {
        let header = try receive(VhostUserMessage.headerSize, for: request, of: socket, until: deadline)
        try VhostUserMessage.checkReply(header: header, to: request, size: 8)
        return VhostUserMessage.number(try receive(8, for: request, of: socket, until: deadline))
    }

    private static func receive(
        _ count: Int, for request: VhostUserRequest, of socket: MessageSocket, until deadline: MonotonicInstant
    ) throws(VhostUserError) -> [UInt8] {
        do throws(MessageSocket.Failure) {
            return try socket.receive(count, until: deadline)
        } catch {
            throw VhostUserError(error, request)
        }
    }
}

extension VhostUserError {
    fileprivate init(_ failure: MessageSocket.Failure, _ request: VhostUserRequest) {
        self =
            switch failure {
            case .ended: .ended
            case .timeout: .silent(request)
            case .call(let error): .host(error)
            }
    }
}
