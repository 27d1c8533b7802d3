/// What came of a look at a machine.
public enum MachineLook: Sendable, Equatable {
    /// It has been asked, and has time to answer.
    case waiting
    /// `status` as `query-status` says it.
    case answered(status: String, devices: [DeviceReport])
    /// It has not answered in time.
    case silent
}
