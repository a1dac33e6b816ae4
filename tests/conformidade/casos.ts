/**
 * O que qualquer cliente pode esperar, visto por sockets: o protocolo e as promessas, os mesmos
 * casos sobre qualquer motor. (A ideia é a do zetcd, que corre os pedidos contra dois motores e
 * compara.)
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Cliente } from "../../cliente.ts";
import { ate, Fio, type Json, Programa, respondido } from "../apoio.ts";
import type { Motor } from "./motores.ts";

/** Um caso; cada um usa keys suas. */
type Caso = (motor: Motor) => Promise<void>;

const MIB = 1024 * 1024;

/** Um fio com cada um dos três. */
async function comTodos(motor: Motor, fazer: (fio: Fio, n: number) => Promise<void>) {
  for (const [n, endereco] of motor.enderecos.entries()) {
    await using fio = await Fio.abrir(endereco);
    await fazer(fio, n);
  }
}

/** Lê de um servidor até que ele tenha ao menos um timestamp: pode ir um pouco atrás. */
const lerAte = (fio: Fio, key: string, timestamp: number) =>
  ate(async () => {
    const resposta = await fio.pedir({ tipo: "GET", id: 9, key, timestamp });
    return resposta.tipo === "GET_OK" ? resposta : undefined;
  }, `${key} chegar`);

const comoErro = ({ tipo, definitivo, erro }: Json) => {
  assertEquals([tipo, definitivo], ["ERRO", true]);
  assert(typeof erro === "string" && erro.length > 0);
};

export const CASOS: { readonly [nome: string]: Caso } = {
  "um PUT por qualquer um lê-se de qualquer um, com o mesmo timestamp"(motor) {
    return comTodos(motor, async (fio, n) => {
      const put = { tipo: "PUT", id: 7 + n, key: `ida ${n}`, value: `v${n}` };
      const { timestamp, ...resto } = await fio.pedir(put);
      assertEquals(resto, { tipo: "PUT_OK", id: put.id, key: put.key });
      assert(Number.isSafeInteger(timestamp) && timestamp >= 1);
      await comTodos(motor, async (outro) => {
        const { id: _, ...lido } = await lerAte(outro, put.key, timestamp);
        assertEquals(lido, { tipo: "GET_OK", key: put.key, value: put.value, timestamp });
      });
    });
  },

  "uma key que não há: null e zero a quem está em zero, TRY_OTHER_SERVER_OR_LATER a quem viu mais"(
    motor,
  ) {
    const key = "não há";
    return comTodos(motor, async (fio) => {
      const sem = { tipo: "GET_OK", id: 1, key, value: null, timestamp: 0 };
      assertEquals(await fio.pedir({ tipo: "GET", id: 1, key }), sem);
      assertEquals(await fio.pedir({ tipo: "GET", id: 1, key, timestamp: 0 }), sem);
      assertEquals(await fio.pedir({ tipo: "GET", id: 2, key, timestamp: 2 ** 50 }), {
        tipo: "TRY_OTHER_SERVER_OR_LATER",
        id: 2,
        key,
        timestamp: 0,
      });
    });
  },

  "quem viu um timestamp maior do que o que há recebe TRY_OTHER_SERVER_OR_LATER, com o que há"(
    motor,
  ) {
    const key = "atrás";
    return comTodos(motor, async (fio) => {
      const { timestamp } = await fio.pedir({ tipo: "PUT", id: 1, key, value: "v" });
      await lerAte(fio, key, timestamp);
      assertEquals(await fio.pedir({ tipo: "GET", id: 2, key, timestamp: timestamp + 2 ** 40 }), {
        tipo: "TRY_OTHER_SERVER_OR_LATER",
        id: 2,
        key,
        timestamp,
      });
    });
  },

  "um lote responde item a item, os maus também, e os ids podem repetir-se"(motor) {
    return comTodos(motor, async (fio, n) => {
      const key = `lote ${n}`;
      await fio.enviar([
        { tipo: "PUT", id: 1, key, value: "a" },
        { tipo: "GET", id: 2, key: "não há" },
        { tipo: "GET", id: 2, key: "não há" },
        { tipo: "NADA", id: 3 },
        17,
      ]);
      const respostas = Array.from({ length: 5 }, () => fio.receber());
      const vieram: Json[] = await Array.fromAsync(respostas);
      const tipos = vieram.map(({ id, tipo }) => `${id} ${tipo}`).sort();
      assertEquals(tipos, ["1 PUT_OK", "2 GET_OK", "2 GET_OK", "3 ERRO", "undefined ERRO"]);
    });
  },

  "quem fecha a sua metade recebe as respostas que faltam, e o servidor fecha a dele"(motor) {
    return comTodos(motor, async (fio, n) => {
      for (let id = 0; id < 40; id++) {
        const key = `metade ${n} ${id}`;
        await fio.enviar(
          id % 4 === 0 ? { tipo: "PUT", id, key, value: "v" } : { tipo: "GET", id, key },
        );
      }
      await fio.fecharEscrita();
      const respostas: Json[] = await fio.fim();
      assertEquals(respostas.map(({ id }) => id).sort((a, b) => a - b), [...Array(40).keys()]);
      assert(respostas.every(({ tipo }) => tipo === "PUT_OK" || tipo === "GET_OK"));
    });
  },

  "o que não é uma mensagem tem um ERRO definitivo, e a conexão continua"(motor) {
    return comTodos(motor, async (fio) => {
      const maus = [
        "isto não é JSON",
        "{}",
        '"texto"',
        '{"tipo":"PUT","key":"k"}',
        '{"tipo":"PUT","key":"","value":"v"}',
        '{"tipo":"PUT","key":7,"value":"v"}',
        '{"tipo":"GET","key":"k","timestamp":-1}',
        '{"tipo":"PUT","key":"\\ud800","value":"v"}',
        '{"tipo":"__proto__"}',
      ];
      for (const mau of maus) {
        await fio.enviar(`${mau}\n`);
        comoErro(await fio.receber());
      }
      await fio.enviar('{"tipo":"GET","id":5,"key":"não há"}\r\n');
      assertEquals((await fio.receber()).id, 5);
    });
  },

  "o que não é para um cliente pedir é recusado, e não muda nada"(motor) {
    return comTodos(motor, async (fio) => {
      const alheios = [
        { tipo: "REPLICATION", key: "alheia", value: "v", timestamp: 2 ** 40 },
        { tipo: "ENTRY", key: "alheia", value: "v", timestamp: 2 ** 40 },
        { tipo: "SYNC", timestamp: 2 ** 40, reserva: 2 ** 41 },
        { tipo: "FORWARD", key: "alheia", value: "v", origem: "1.2.3.4:5", prazo: 10 },
        { tipo: "LEADER", token: "t" },
        { tipo: "PUT_OK", key: "alheia", timestamp: 1 },
        { tipo: "AUTH", desafio: "00".repeat(32) },
      ];
      for (const [id, alheio] of alheios.entries()) {
        const resposta = await fio.pedir({ ...alheio, id });
        comoErro(resposta);
        assertEquals(resposta.id, id);
      }
      assertEquals((await fio.pedir({ tipo: "GET", id: 1, key: "alheia" })).value, null);
      assertEquals(await fio.pedir({ tipo: "PULSE", id: 2 }), { tipo: "PULSE_OK", id: 2 });
    });
  },

  "uma linha comprida demais, ou que não é UTF-8: um ERRO, depois das respostas ao que veio antes, e o fim"(
    motor,
  ) {
    const bytes = new Uint8Array([...new TextEncoder().encode('{"tipo":"'), 0xff, 0x0a]);
    return comTodos(motor, async () => {
      for (const mau of ["x".repeat(MIB + 1) + "\n", bytes]) {
        await using fio = await Fio.abrir(motor.enderecos[0]!);
        await fio.enviar({ tipo: "GET", id: 1, key: "não há" }, mau);
        const respostas: Json[] = await fio.fim();
        assertEquals(respostas.map(({ tipo }) => tipo).sort(), ["ERRO", "GET_OK"]);
      }
    });
  },

  "keys até 1024 bytes, e qualquer value que caiba numa linha, voltam iguais"(motor) {
    const values = [
      "",
      'aspas " e \\ barras',
      "linhas\ne\r\ntabs\t",
      "nulo\0 e \x1b[31m",
      "emoji 😀 e ação",
      "x".repeat(900 * 1024),
    ];
    return comTodos(motor, async (fio, n) => {
      for (const [id, value] of values.entries()) {
        const key = `${n}${id}😀`.padEnd(512, "é").slice(0, 512);
        const { timestamp } = await fio.pedir({ tipo: "PUT", id, key, value });
        await using outro = await Fio.abrir(motor.enderecos[(n + 1) % 3]!);
        assertEquals((await lerAte(outro, key, timestamp)).value, value);
      }
      const justa = "k".repeat(1023) + n;
      assertEquals(
        (await fio.pedir({ tipo: "PUT", id: 1, key: justa, value: "v" })).tipo,
        "PUT_OK",
      );
      comoErro(await fio.pedir({ tipo: "PUT", id: 2, key: justa + "k", value: "v" }));
    });
  },

  "os timestamps crescem na ordem dos PUTs, por onde quer que entrem"(motor) {
    return (async () => {
      let ultimo = 0;
      for (let n = 0; n < 12; n++) {
        await using fio = await Fio.abrir(motor.enderecos[n % 3]!);
        const put = { tipo: "PUT", id: n, key: `ordem ${n % 2}`, value: String(n) };
        const { timestamp } = await fio.pedir(put);
        assert(timestamp > ultimo, `${timestamp} depois de ${ultimo}`);
        ultimo = timestamp;
      }
    })();
  },

  "PUTs ao mesmo tempo, por todos, nas mesmas keys: cada um confirmado, e os três ficam iguais"(
    motor,
  ) {
    return (async () => {
      const maiores = new Map<string, [number, string]>();
      await Promise.all(Array.from({ length: 15 }, async (_, c) => {
        await using fio = await Fio.abrir(motor.enderecos[c % 3]!);
        for (let n = 0; n < 20; n++) {
          const [key, value] = [`juntos ${n % 4}`, `${c}/${n}`];
          const { tipo, timestamp } = await fio.pedir({ tipo: "PUT", id: n, key, value });
          assertEquals(tipo, "PUT_OK");
          if (timestamp > (maiores.get(key)?.[0] ?? 0)) maiores.set(key, [timestamp, value]);
        }
      }));
      await comTodos(motor, async (fio) => {
        for (const [key, [timestamp, value]] of maiores) {
          const lido = await lerAte(fio, key, timestamp);
          assertEquals([lido.timestamp, lido.value], [timestamp, value]);
        }
      });
    })();
  },

  "um cliente nunca volta atrás, e não sabe a diferença"(motor) {
    return (async () => {
      await using cliente = new Cliente(motor.enderecos);
      let ultimo = 0;
      for (let n = 0; n < 30; n++) {
        const { timestamp } = await cliente.put("nunca", String(n));
        assert(timestamp > ultimo);
        ultimo = timestamp;
        assertEquals((await respondido(cliente.get("nunca"))).value, String(n));
      }
    })();
  },

  "a linha de comando do cliente: as mesmas linhas, o mesmo JSON, os mesmos códigos"(motor) {
    return (async () => {
      const servidores = `--servidores=${motor.enderecos.join()}`;
      const rodar = async (...args: string[]) => {
        await using programa = new Programa("cliente", [servidores, ...args]);
        return { codigo: await programa.codigo(), saida: programa.saida };
      };
      const put = await rodar("put", "cor", "azul");
      assertEquals(put.codigo, 0);
      assertMatch(
        put.saida,
        /^PUT_OK key: cor value azul timestamp \d+ realizada no servidor 127\.0\.0\.1:\d+\n$/,
      );
      const get = await rodar("get", "nenhuma", "--json");
      assertEquals(get.codigo, 0);
      const resposta = { tipo: "GET_OK", id: 1, key: "nenhuma", value: null, timestamp: 0 };
      assertEquals(JSON.parse(get.saida), resposta);
    })();
  },

  "as linhas da console são as do enunciado"(motor) {
    return (async () => {
      await using fio = await Fio.abrir(motor.enderecos[0]!);
      const [key, value] = ["consola", "com\nlinha"];
      const { timestamp } = await fio.pedir({ tipo: "PUT", id: 1, key, value });
      await fio.pedir({ tipo: "GET", id: 2, key });
      const linhas = [
        `Cliente ${fio.endereco} PUT key:consola value:com\\nlinha`,
        `Enviando PUT_OK ao Cliente ${fio.endereco} da key:consola ts:${timestamp}`,
        `Cliente ${fio.endereco} GET key:consola ts:0. Meu ts é ${timestamp}, portanto devolvendo com\\nlinha`,
      ];
      await ate(() => linhas.every((linha) => motor.saida(0).includes(linha + "\n")), "as linhas");
      const ordem = linhas.map((linha) => motor.saida(0).indexOf(linha));
      assertEquals(ordem, ordem.toSorted((a, b) => a - b));
      const replicada = `REPLICATION key:consola value:com\\nlinha ts:${timestamp}\n`;
      await ate(() => [1, 2].every((n) => motor.saida(n).includes(replicada)), "as REPLICATION");
      assert(!motor.saida(0).includes(replicada));
    })();
  },
};
