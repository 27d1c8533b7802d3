/// What a frame holds. Numbers below 0x10 are requests, the first frame of a connection.
public enum FrameType: UInt8, Sendable, CaseIterable {
    case exec = 0x01
    case put = 0x02
    case get = 0x03
    case memory = 0x04
    case online = 0x05
    case mount = 0x06
    case unmount = 0x07
    case shutdown = 0x08
    case information = 0x09
    case start = 0x0a

    // From the client of a command.
    case input = 0x10
    case inputEnd = 0x11
    case signal = 0x12
    case windowSize = 0x13

    // From the agent.
    case started = 0x20
    case output = 0x21
    case errors = 0x22
    case exited = 0x23
    case credit = 0x24
    case done = 0x25
    case failed = 0x26
    case warning = 0x27
    case memoryReport = 0x28
    case onlineReport = 0x29
    case informationReport = 0x2a

    // From whoever sends files.
    case directory = 0x30
    case file = 0x31
    case data = 0x32
    case link = 0x33
    case end = 0x34
    case treeEnd = 0x35
}
