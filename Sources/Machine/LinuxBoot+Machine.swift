import Configuration
import KVM
import LinuxBoot

/// What a boot is told about a machine, and a vCPU about the boot.
extension LinuxBoot {
    init(booting source: BootSource, on hardware: MachineHardware) {
        let initrd = source.initialRAMDisk.map { disk in
            Initrd(file: BootFileDescriptor(descriptor: disk.descriptor, kind: .initrd), size: disk.size)
        }
        self.init(
            kernel: source.layout, kernelFile: BootFileDescriptor(descriptor: source.kernel, kind: .kernel),
            initrd: initrd, commandLine: hardware.configuration.commandLine,
            memory: hardware.layout.ramRanges.map { MemoryRange(start: $0.start, size: $0.size) },
            acpi: ACPIPlatform(hardware.configuration, hardware.layout))
    }
}

extension ACPIPlatform {
    init(_ configuration: MachineConfiguration, _ layout: MachineLayout) {
        let topology = configuration.processors
        let processors = (0..<topology.count).map { index in
            let node = configuration.nodes.first { $0.processors.contains(index) }
            return Processor(apicID: topology.apicIdentifier(of: index), node: node?.id ?? 0)
        }
        self.init(
            processors: processors, hasNodes: !configuration.nodes.isEmpty,
            bootMemory: layout.ramRanges.map { NodeMemory(start: $0.start, size: $0.size, node: $0.node) },
            deviceMemory: layout.memoryDeviceRegions.map {
                NodeMemory(start: $0.start, size: $0.size, node: $0.node)
            },
            virtioDevices: layout.virtioWindows.map { window in
                VirtioDevice(
                    address: UInt32(window.address), size: UInt32(Platform.virtioWindowSize), gsi: window.interrupt,
                    isInterruptShared: window.isShared)
            },
            serialPort: SerialPort(port: Platform.serialPort, gsi: Platform.serialInterrupt),
            powerButtonGSI: Platform.powerButtonInterrupt)
    }
}

extension SystemRegisters {
    init(_ state: BootState) {
        self.init(
            code: SegmentRegister(state.codeSegment), data: SegmentRegister(state.dataSegment),
            task: SegmentRegister(state.taskSegment), gdtBase: state.gdtBase, gdtLimit: state.gdtLimit,
            cr0: state.cr0, cr3: state.cr3, cr4: state.cr4, efer: state.efer)
    }
}

extension Registers {
    init(_ state: BootState) {
        self.init()
        rip = state.rip
        rsi = state.rsi
        rsp = state.rsp
        rflags = state.rflags
    }
}

extension SegmentRegister {
    init(_ state: SegmentState) {
        self.init(
            selector: state.selector, base: state.base, limit: state.limit, type: state.type,
            isCodeOrData: state.isCodeOrData, isLong: state.isLong, isDefault32: state.isDefault32)
    }
}
