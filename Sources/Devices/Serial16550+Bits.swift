// Bits of the registers, named as in the data sheet.
extension Serial16550 {
    enum InterruptEnable {
        static let receivedData: UInt8 = 1 << 0
        static let transmitterEmpty: UInt8 = 1 << 1
        static let lineStatus: UInt8 = 1 << 2
        static let modemStatus: UInt8 = 1 << 3
        static let all: UInt8 = 0x0f
    }

    enum InterruptIdentification {
        static let modemStatus: UInt8 = 0x00
        static let none: UInt8 = 0x01
        static let transmitterEmpty: UInt8 = 0x02
        static let receivedData: UInt8 = 0x04
        static let lineStatus: UInt8 = 0x06
        /// Data below the trigger level has waited for a while; here, for no time at all.
        static let characterTimeout: UInt8 = 0x0c
        static let fifosEnabled: UInt8 = 0xc0
    }

    enum FIFOControl {
        static let enable: UInt8 = 1 << 0
        static let clearReceiver: UInt8 = 1 << 1
    }

    enum LineControl {
        static let divisorLatchAccess: UInt8 = 1 << 7
    }

    enum LineStatus {
        static let dataReady: UInt8 = 1 << 0
        static let overrun: UInt8 = 1 << 1
        static let transmitterHoldingEmpty: UInt8 = 1 << 5
        static let transmitterEmpty: UInt8 = 1 << 6
    }

    enum ModemControl {
        static let dataTerminalReady: UInt8 = 1 << 0
        static let requestToSend: UInt8 = 1 << 1
        static let out1: UInt8 = 1 << 2
        static let out2: UInt8 = 1 << 3
        static let loopback: UInt8 = 1 << 4
        static let all: UInt8 = 0x1f
    }

    enum ModemStatus {
        static let clearToSendChanged: UInt8 = 1 << 0
        static let dataSetReadyChanged: UInt8 = 1 << 1
        static let ringEnded: UInt8 = 1 << 2
        static let carrierDetectChanged: UInt8 = 1 << 3
        static let clearToSend: UInt8 = 1 << 4
        static let dataSetReady: UInt8 = 1 << 5
        static let ring: UInt8 = 1 << 6
        static let carrierDetect: UInt8 = 1 << 7
    }
}
