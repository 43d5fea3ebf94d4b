// Message types of the default robot and the tests, for machines without ROS. The field order must match common_interfaces and
// rcl_interfaces.
import { AgentError } from '../errors.ts';
import { amentPrefixes } from './install.ts';
import { type DefinitionSource, installedDefinitions } from './installed.ts';

export const WELL_KNOWN: Readonly<Record<string, string>> = {
  'std_msgs/msg/Bool': 'bool data',
  'std_msgs/msg/Int32': 'int32 data',
  'std_msgs/msg/Int64': 'int64 data',
  'std_msgs/msg/Float32': 'float32 data',
  'std_msgs/msg/Float64': 'float64 data',
  'std_msgs/msg/String': 'string data',
  'std_msgs/msg/Header': 'builtin_interfaces/Time stamp\nstring frame_id',
  'sensor_msgs/msg/BatteryState': `std_msgs/Header header
float32 voltage
float32 temperature
float32 current
float32 charge
float32 capacity
float32 design_capacity
float32 percentage
uint8 power_supply_status
uint8 power_supply_health
uint8 power_supply_technology
bool present
float32[] cell_voltage
float32[] cell_temperature
string location
string serial_number`,
  'sensor_msgs/msg/Temperature': 'std_msgs/Header header\nfloat64 temperature\nfloat64 variance',
  'sensor_msgs/msg/CompressedImage': 'std_msgs/Header header\nstring format\nuint8[] data',
  'diagnostic_msgs/msg/KeyValue': 'string key\nstring value',
  'diagnostic_msgs/msg/DiagnosticStatus': `byte level
string name
string message
string hardware_id
KeyValue[] values`,
  'diagnostic_msgs/msg/DiagnosticArray': 'std_msgs/Header header\nDiagnosticStatus[] status',
  'geometry_msgs/msg/Vector3': 'float64 x\nfloat64 y\nfloat64 z',
  'geometry_msgs/msg/Twist': 'Vector3 linear\nVector3 angular',
};

/** Looks a type up in the given definitions first, then in the well-known types, then in the sourced ROS environment. */
export function wellKnownDefinitions(given: Readonly<Record<string, string>> = {}): DefinitionSource {
  const installed = installedDefinitions(amentPrefixes());
  return (type) => {
    const text = given[type.full] ?? WELL_KNOWN[type.full];
    if (text !== undefined) return text;
    try {
      return installed(type);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      throw new AgentError(error.code, error.message, {
        remedy: `${error.remedy}; or give the simulated node its definition`,
        cause: error,
        fields: error.fields,
      });
    }
  };
}
