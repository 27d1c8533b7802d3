import Host
import SystemPackage
import Testing

@testable import KVM

@Suite struct KVMSystemTests {
    // MARK: What a user is told

    @Test func aMissingDeviceIsNamedWithWhatToDo() {
        let error = #expect(throws: KVMError.device(path: "/nonexistent/kvm", .noSuchFileOrDirectory)) {
            try KVMSystem(path: "/nonexistent/kvm")
        }
        #expect(
            error?.description
                == "/nonexistent/kvm does not exist: this host has no KVM. Load the module (modprobe kvm_intel or "
                + "kvm_amd), enable virtualization in the firmware, or use a host that allows nested virtualization")
    }

    @Test func aDeviceWithoutPermissionIsNamedWithWhatToDo() {
        #expect(
            KVMError.device(path: "/dev/kvm", .permissionDenied).description
                == "/dev/kvm: permission denied. Add yourself to its group (usermod -aG kvm USER, then log in again)")
    }

    @Test func somethingElseThanKVMIsSaidToBe() {
        let error = #expect(throws: KVMError.device(path: "/dev/null", .inappropriateIOCTLForDevice)) {
            try KVMSystem(path: "/dev/null")
        }
        #expect(error?.description == "/dev/null: Inappropriate ioctl for device")
    }

    @Test func aDirectoryIsNoDevice() {
        #expect(throws: KVMError.device(path: "/dev", .isDirectory)) { try KVMSystem(path: "/dev") }
    }

    @Test func theOtherErrorsSayWhatIsWrong() {
        #expect(KVMError.apiVersion(11).description == "KVM speaks version 11 of its interface, not 12")
        #expect(KVMError.missingCapability("KVM_CAP_X").description == "this host's KVM lacks KVM_CAP_X")
        #expect(KVMError.call(SystemCallError("KVM_RUN", .ioError)).description == "KVM_RUN: Input/output error")
    }

    // MARK: With a device

    @Test(.needsKVM) func theDeviceHasWhatAMachineNeeds() throws {
        let system = try KVMSystem()
        try system.require(KVMCapability.required)
        for capability in KVMCapability.required {
            #expect(system.value(of: capability) >= 1, "\(capability.name)")
        }
        #expect(system.value(of: .memorySlots) >= 32)
        #expect(system.value(of: .maximumVCPUs) >= 4)
        #expect(system.value(of: .maximumVCPUID) >= system.value(of: .maximumVCPUs))
    }

    @Test(.needsKVM) func aMissingCapabilityIsNamed() throws {
        let system = try KVMSystem()
        let missing = KVMCapability("KVM_CAP_OF_THE_FUTURE", 1 << 24)
        #expect(system.value(of: missing) == 0)
        #expect(throws: KVMError.missingCapability("KVM_CAP_OF_THE_FUTURE")) {
            try system.require([.irqchip, missing, .irqfd])
        }
    }

    @Test(.needsKVM) func theLeavesOfTheHostAreOnesForAGuest() throws {
        let cpuid = try KVMSystem().supportedCPUID()
        let first = try #require(cpuid.entry(0))
        #expect(first.eax >= 1)
        #expect(cpuid.entry(1) != nil)
        #expect(cpuid.entry(0x4000_0000)?.ebx == 0x4B4D_564B, "KVMK, the paravirtual leaves")
        #expect((36...52).contains(cpuid.physicalAddressBits))
    }

    /// Nothing may be left of a virtual machine when nobody has it any more.
    @Test(.needsKVM) func aVirtualMachineCanBeMadeAgainAndAgain() throws {
        for _ in 0..<20 {
            let guest = try TinyGuest([0xF4])
            #expect(try guest.run() == .halt)
        }
    }

    @Test(.needsKVM) func aSecondVCPUOfTheSameNumberIsRefused() throws {
        let vm = try KVMSystem().createVM()
        _ = try vm.createVCPU(id: 3)
        #expect(throws: SystemCallError("KVM_CREATE_VCPU", .fileExists, subject: "3")) {
            try vm.createVCPU(id: 3)
        }
    }
}
