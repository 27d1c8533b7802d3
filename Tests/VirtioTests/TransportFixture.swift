@testable import VirtioTestSupport

/// A transport with a device that records what it is told.
typealias TransportFixture = DeviceFixture<RecordingDevice>

extension DeviceFixture<RecordingDevice> {
    init() throws {
        try self.init(RecordingDevice())
    }

    var events: [RecordingDevice.Event] {
        transport.withDevice { $0.events }
    }
}
