/// What a driver has asked its memory device for, and what became of it: numbers that the device keeps at each request,
/// for whoever wants to know why a resize does not get on.
public struct RequestActivity: Sendable, Equatable {
    /// How often a kind of request was answered in which way.
    public struct Count: Sendable, Equatable {
        public var acknowledged: UInt64 = 0
        public var rejected: UInt64 = 0
        public var busy: UInt64 = 0
        public var wrong: UInt64 = 0

        public init(acknowledged: UInt64 = 0, rejected: UInt64 = 0, busy: UInt64 = 0, wrong: UInt64 = 0) {
            self.acknowledged = acknowledged
            self.rejected = rejected
            self.busy = busy
            self.wrong = wrong
        }

        public var total: UInt64 { acknowledged &+ rejected &+ busy &+ wrong }

        mutating func note(_ response: VirtioMemResponse) {
            switch response {
            case .acknowledge, .state: acknowledged &+= 1
            case .negativeAcknowledge: rejected &+= 1
            case .busy: busy &+= 1
            case .error: wrong &+= 1
            }
        }

        static func - (left: Count, right: Count) -> Count {
            Count(
                acknowledged: left.acknowledged &- right.acknowledged, rejected: left.rejected &- right.rejected,
                busy: left.busy &- right.busy, wrong: left.wrong &- right.wrong)
        }
    }

    /// A request with its answer.
    public struct Exchange: Sendable, Equatable {
        public let request: VirtioMemRequest
        public let response: VirtioMemResponse

        public init(_ request: VirtioMemRequest, _ response: VirtioMemResponse) {
            self.request = request
            self.response = response
        }
    }

    public var plug = Count()
    public var unplug = Count()
    public var unplugAll = Count()
    public var state = Count()
    /// Requests of types that nobody knows.
    public var unknown = Count()
    /// The newest; nil before the first.
    public var last: Exchange?
    /// The newest that was answered with an error since the driver started: Linux's driver does nothing more after one.
    public var lastWrong: VirtioMemRequest?

    public init() {}

    /// All requests.
    public var total: UInt64 { plug.total &+ unplug.total &+ unplugAll.total &+ state.total &+ unknown.total }

    mutating func note(_ request: VirtioMemRequest, _ response: VirtioMemResponse) {
        switch request {
        case .plug: plug.note(response)
        case .unplug: unplug.note(response)
        case .unplugAll: unplugAll.note(response)
        case .state: state.note(response)
        case .unknown: unknown.note(response)
        }
        last = Exchange(request, response)
        if response == .error { lastWrong = request }
    }

    /// What has come since an earlier moment.
    func since(_ earlier: RequestActivity) -> RequestActivity {
        var difference = RequestActivity()
        difference.plug = plug - earlier.plug
        difference.unplug = unplug - earlier.unplug
        difference.unplugAll = unplugAll - earlier.unplugAll
        difference.state = state - earlier.state
        difference.unknown = unknown - earlier.unknown
        difference.last = difference.total > 0 ? last : nil
        difference.lastWrong = lastWrong
        return difference
    }
}
