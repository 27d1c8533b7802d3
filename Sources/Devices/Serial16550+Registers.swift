// The register map: what stands at offset 0 and 1 depends on the divisor latch access bit.
extension Serial16550 {
    private enum Offset {
        /// Receiver buffer, transmitter holding, or lower half of the divisor.
        static let data: UInt16 = 0
        /// Interrupt enable, or upper half of the divisor.
        static let interruptEnable: UInt16 = 1
        /// Interrupt identification, or FIFO control when written.
        static let interruptIdentification: UInt16 = 2
        static let lineControl: UInt16 = 3
        static let modemControl: UInt16 = 4
        static let lineStatus: UInt16 = 5
        static let modemStatus: UInt16 = 6
        static let scratch: UInt16 = 7
    }

    public mutating func readRegister(at offset: UInt16) -> UInt8 {
        switch offset {
        case Offset.data where isDivisorAccessible: UInt8(truncatingIfNeeded: divisor)
        case Offset.data: readReceiver()
        case Offset.interruptEnable where isDivisorAccessible: UInt8(truncatingIfNeeded: divisor >> 8)
        case Offset.interruptEnable: interruptEnable
        case Offset.interruptIdentification: readInterruptIdentification()
        case Offset.lineControl: lineControl
        case Offset.modemControl: modemControl
        case Offset.lineStatus: readLineStatus()
        case Offset.modemStatus: readModemStatus()
        case Offset.scratch: scratch
        default: 0xff
        }
    }

    public mutating func writeRegister(_ value: UInt8, at offset: UInt16) {
        switch offset {
        case Offset.data where isDivisorAccessible: divisor = divisor & 0xff00 | UInt16(value)
        case Offset.data: writeTransmitter(value)
        case Offset.interruptEnable where isDivisorAccessible: divisor = divisor & 0xff | UInt16(value) << 8
        case Offset.interruptEnable: writeInterruptEnable(value)
        case Offset.interruptIdentification: writeFIFOControl(value)
        case Offset.lineControl: lineControl = value
        case Offset.modemControl: writeModemControl(value)
        case Offset.scratch: scratch = value
        default: break  // line and modem status are for reading
        }
    }

    private var isDivisorAccessible: Bool { lineControl & LineControl.divisorLatchAccess != 0 }

    var isLoopedBack: Bool { modemControl & ModemControl.loopback != 0 }

    private mutating func readReceiver() -> UInt8 {
        let byte = received.removeFirst() ?? 0
        updateInterrupt()
        reportInputRoom()
        return byte
    }

    private mutating func writeTransmitter(_ value: UInt8) {
        if isLoopedBack {
            if received.count >= receiverSize || !received.append(value) { hasOverrun = true }
            isTransmitInterruptPending = true
        } else {
            transmit(value)
        }
        // Without FIFOs a guest may wait for an edge after each byte; with them that would be an edge too many for
        // each byte of a burst.
        if !isFIFOEnabled { forgetTransmitInterrupt() }
        updateInterrupt()
    }

    private mutating func writeInterruptEnable(_ value: UInt8) {
        let enabled = value & ~interruptEnable
        interruptEnable = value & InterruptEnable.all
        // An empty transmitter interrupts when it is allowed to; drivers test for that, and start sending by it.
        if enabled & InterruptEnable.transmitterEmpty != 0 { isTransmitInterruptPending = isTransmitterEmpty }
        updateInterrupt()
    }

    /// The most urgent reason. Reading it takes notice of an empty transmitter.
    private mutating func readInterruptIdentification() -> UInt8 {
        let sources = pending
        let identification: UInt8
        if sources.contains(.lineStatus) {
            identification = InterruptIdentification.lineStatus
        } else if sources.contains(.receivedData) {
            let isBelowTrigger = isFIFOEnabled && received.count < receiveTrigger
            identification =
                isBelowTrigger ? InterruptIdentification.characterTimeout : InterruptIdentification.receivedData
        } else if sources.contains(.transmitterEmpty) {
            identification = InterruptIdentification.transmitterEmpty
            isTransmitInterruptPending = false
            updateInterrupt()
        } else if sources.contains(.modemStatus) {
            identification = InterruptIdentification.modemStatus
        } else {
            identification = InterruptIdentification.none
        }
        return identification | (isFIFOEnabled ? InterruptIdentification.fifosEnabled : 0)
    }

    /// What has been written to the transmitter is beyond recall, so only the receiver has something to clear.
    private mutating func writeFIFOControl(_ value: UInt8) {
        let isEnabled = value & FIFOControl.enable != 0
        if isEnabled != isFIFOEnabled || isEnabled && value & FIFOControl.clearReceiver != 0 {
            received.removeAll()
        }
        isFIFOEnabled = isEnabled
        if isEnabled { receiveTrigger = [1, 4, 8, 14][Int(value >> 6)] }
        updateInterrupt()
        reportInputRoom()
    }

    private mutating func readLineStatus() -> UInt8 {
        var status: UInt8 = 0
        if !received.isEmpty { status |= LineStatus.dataReady }
        if hasOverrun { status |= LineStatus.overrun }
        if isTransmitterEmpty {
            status |= LineStatus.transmitterHoldingEmpty | LineStatus.transmitterEmpty
        }
        if hasOverrun {
            hasOverrun = false
            updateInterrupt()
        }
        return status
    }

    /// The state of the modem's lines: of a terminal that is always there, or of our own outputs in loopback mode.
    private var modemLines: UInt8 {
        guard isLoopedBack else {
            return ModemStatus.clearToSend | ModemStatus.dataSetReady | ModemStatus.carrierDetect
        }
        var lines: UInt8 = 0
        if modemControl & ModemControl.requestToSend != 0 { lines |= ModemStatus.clearToSend }
        if modemControl & ModemControl.dataTerminalReady != 0 { lines |= ModemStatus.dataSetReady }
        if modemControl & ModemControl.out1 != 0 { lines |= ModemStatus.ring }
        if modemControl & ModemControl.out2 != 0 { lines |= ModemStatus.carrierDetect }
        return lines
    }

    private mutating func writeModemControl(_ value: UInt8) {
        let before = modemLines
        modemControl = value & ModemControl.all
        let changed = before ^ modemLines
        if changed & ModemStatus.clearToSend != 0 { modemStatusChanges |= ModemStatus.clearToSendChanged }
        if changed & ModemStatus.dataSetReady != 0 { modemStatusChanges |= ModemStatus.dataSetReadyChanged }
        if changed & before & ModemStatus.ring != 0 { modemStatusChanges |= ModemStatus.ringEnded }
        if changed & ModemStatus.carrierDetect != 0 { modemStatusChanges |= ModemStatus.carrierDetectChanged }
        updateInterrupt()
        reportInputRoom()
    }

    private mutating func readModemStatus() -> UInt8 {
        let status = modemLines | modemStatusChanges
        modemStatusChanges = 0
        updateInterrupt()
        return status
    }
}
