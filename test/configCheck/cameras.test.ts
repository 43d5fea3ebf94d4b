// Tests the findings of `config check` on cameras.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentError } from '../../src/errors.ts';
import { checkedText, definitions, skip } from './checked.ts';

const yamlOf = (entry: string) => `uploads: { api: "https://cloud.example" }\ncameras: { hall: { ${entry} } }\n`;
const findingsOf = (entry: string, known = definitions) =>
  checkedText(yamlOf(entry), known ?? null)
    .findings.filter((finding) => finding.entry === 'cameras.hall')
    .map(({ severity, path, reason }) => `${severity} ${path.join('.')}: ${reason}`);

describe('config check on a camera', { skip }, () => {
  it('finds nothing in cameras that work', () => {
    for (const entry of [
      'topic: /camera/image_raw',
      'topic: /cam/compressed, type: sensor_msgs/CompressedImage',
      'topic: image, type: sensor_msgs/Image',
      'topic: /a, privacy_topic: /privacy',
    ])
      assert.deepEqual(findingsOf(entry), [], entry);
  });

  it('refuses a topic that carries no image, and names the other topic', () => {
    assert.deepEqual(findingsOf('topic: /camera/image_raw/theora'), [
      'error cameras.hall.topic: /camera/image_raw/theora carries video (Theora), which the agent cannot decode; use the images of the same camera, usually on /camera/image_raw/compressed',
    ]);
    assert.match(
      String(findingsOf('topic: /camera/depth/image/compressedDepth')),
      /^error .* carries distances as compressedDepth, .*colour images/,
    );
  });

  it('warns of distances, and of a type that does not belong to the topic', () => {
    assert.match(
      String(findingsOf('topic: /camera/depth/image_raw')),
      /^warning cameras\.hall\.topic: .* carries distances, so people are grey shapes/,
    );
    assert.match(
      String(findingsOf('topic: /a/compressed, type: sensor_msgs/Image')),
      /^warning cameras\.hall\.type: .* usually carries sensor_msgs\/msg\/CompressedImage/,
    );
  });

  it('names each missing package of a camera once', () => {
    const here = definitions ?? assert.fail();
    const without = (pkg: string) => ({ ...here, messagesOf: (name: string) => (name === pkg ? [] : here.messagesOf(name)) });
    assert.match(
      String(findingsOf('topic: /a', without('sensor_msgs'))),
      /^warning cameras\.hall: not checked, because package sensor_msgs [^,]*$/,
    );
    assert.match(
      String(findingsOf('topic: /a, privacy_topic: /p', without('std_msgs'))),
      /package std_msgs of the type std_msgs\/msg\/Bool/,
    );
  });
});

describe('the type of a camera', () => {
  it('is refused with the topic to use if it is video', () => {
    for (const type of ['ffmpeg_image_transport_msgs/FFMPEGPacket', 'foxglove_msgs/msg/CompressedVideo', 'theora_image_transport/Packet'])
      assert.throws(
        () => checkedText(yamlOf(`topic: /a, type: ${type}`)),
        (error) => {
          assert.ok(error instanceof AgentError);
          assert.match(
            error.message,
            /is video, which the agent cannot decode; use the images of the same camera, usually on its topic that ends in \/compressed$/,
          );
          return true;
        },
      );
    assert.throws(
      () => checkedText(yamlOf('topic: /a, type: std_msgs/Bool')),
      /expected sensor_msgs\/msg\/CompressedImage, sensor_msgs\/msg\/Image, or auto$/,
    );
  });
});
