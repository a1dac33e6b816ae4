import { assert, assertEquals } from "@std/assert";
import { abrirSaida, juntarEmLotes, LOTE_MAX } from "../../lib/saida.ts";

/** A próxima volta do laço de eventos, depois de cumpridas todas as promessas. */
const proximaVolta = () => new Promise((resolver) => setImmediate(resolver));

/** Um canal de escrita que guarda o que recebe, em escritas de no máximo `maior` bytes. */
function canalQueGuarda(maior = Infinity) {
  const escritas: string[] = [];
  return {
    escritas,
    write(bytes: Uint8Array): Promise<number> {
      const n = Math.min(maior, bytes.length);
      escritas.push(new TextDecoder().decode(bytes.subarray(0, n)));
      return Promise.resolve(n);
    },
  };
}

Deno.test("abrirSaida() junta numa escrita as linhas de uma volta, e só elas", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  saida.enviar("um");
  saida.enviar("dois");
  await saida.esvaziar();
  saida.enviar("três");
  await saida.esvaziar();
  assertEquals(canal.escritas, ["um\ndois\n", "três\n"]);
  assertEquals(saida.fila, 0);
});

Deno.test("abrirSaida(): se as linhas vêm juntas, espera o fim da volta pelas de outras leituras; uma só, não", async () => {
  const canal = canalQueGuarda();
  const voltas: (() => void)[] = [];
  const acabarAVolta = async () => {
    voltas.splice(0).forEach((seguir) => seguir());
    await proximaVolta();
  };
  const saida = abrirSaida(canal, { tempo: { aSeguir: (seguir) => void voltas.push(seguir) } });
  saida.enviar("sozinha");
  await proximaVolta();
  saida.enviar("um");
  saida.enviar("dois");
  await proximaVolta();
  assertEquals(canal.escritas, ["sozinha\n", "um\ndois\n"]);
  saida.enviar("três");
  await proximaVolta();
  saida.enviar("quatro");
  await acabarAVolta();
  assertEquals(canal.escritas.slice(2), ["três\nquatro\n"]);
  saida.enviar("cinco");
  await acabarAVolta();
  saida.enviar("seis");
  await proximaVolta();
  assertEquals(canal.escritas.slice(3), ["cinco\n", "seis\n"]);
  assertEquals(voltas, []);
});

Deno.test("abrirSaida() não esquece uma linha enviada quando a anterior acaba de sair", async () => {
  const canal = canalQueGuarda();
  let faltam = 50;
  const saida = abrirSaida(canal, {
    aoEscrever: () => {
      if (faltam-- > 0) Promise.resolve().then(() => saida.enviar("mais"));
    },
  });
  saida.enviar("primeira");
  for (let n = 0; n < 200; n++) await proximaVolta();
  assertEquals(canal.escritas.join("").split("\n").length, 52);
});

Deno.test("abrirSaida() escreve inteira uma linha qualquer: vazia, comprida, de emojis", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  // Com uma letra antes, nenhum corte em lugar par parte um emoji ao meio; sem ela, nenhum em ímpar.
  const linhas = ["", "😀".repeat(200_000), "a" + "😀".repeat(200_000), "ç".repeat(400_000)];
  for (const linha of linhas) {
    saida.enviar(linha);
    await saida.esvaziar();
  }
  assert(canal.escritas.join("") === linhas.join("\n") + "\n", "as linhas não saíram como eram");
  assert(canal.escritas.length > linhas.length, "a linha comprida saiu de uma vez");
});

Deno.test("abrirSaida().esvaziar() espera o que já estava na fila, e não o que vem depois", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal, {
    aoEscrever: () => {
      if (canal.escritas.length < 1000) saida.enviar("sempre mais uma");
    },
  });
  saida.enviar("esta");
  await saida.esvaziar();
  assert(canal.escritas.length < 10, `${canal.escritas.length} escritas`);
  while (saida.fila > 0) await proximaVolta();
});

Deno.test("juntarEmLotes() deixa como está o lote que já vem pronto", () => {
  assertEquals(juntarEmLotes(["1", "2", "[3,4]", "5", "[6]"]), ["[1,2]", "[3,4]", "5", "[6]"]);
  assertEquals(juntarEmLotes([]), []);
});

Deno.test("abrirSaida() em lotes faz um array de várias e deixa uma sozinha como está", async () => {
  const canal = canalQueGuarda(10);
  const saida = abrirSaida(canal);
  saida.emLotes = true;
  saida.enviar('{"a":1}');
  await saida.esvaziar();
  const grande = JSON.stringify("x".repeat(LOTE_MAX));
  for (const linha of ['{"a":2}', '{"a":3}', grande, '{"a":4}', '{"a":5}']) saida.enviar(linha);
  await saida.esvaziar();
  assertEquals(canal.escritas.join("").split("\n"), [
    '{"a":1}',
    '[{"a":2},{"a":3}]',
    grande,
    '[{"a":4},{"a":5}]',
    "",
  ]);
});

Deno.test("abrirSaida(): enquanto uma escrita não acaba, os bytes dela são só dela, sejam quantas forem", async () => {
  /** Um canal que só olha os bytes quando a escrita acaba, a meio ou com um erro. */
  function canalLento(falha: boolean) {
    const recebido: string[] = [];
    const acabar: (() => void)[] = [];
    return {
      recebido,
      acabar: () => acabar.splice(0).forEach((fazer) => fazer()),
      write(bytes: Uint8Array): Promise<number> {
        return new Promise((resolver, rejeitar) => {
          acabar.push(() => {
            recebido.push(new TextDecoder().decode(bytes));
            if (falha) rejeitar(new Error("caiu"));
            else resolver(bytes.length);
          });
        });
      },
    };
  }
  // Três rodadas: os bytes de uma servem às seguintes; o último de cada uma falha.
  for (let rodada = 0; rodada < 3; rodada++) {
    const textos = Array.from({ length: 12 }, (_, n) => {
      const letra = String.fromCharCode(97 + n);
      return `${rodada} ${letra.repeat(n % 2 === 0 ? 30 : 30_000)} é`;
    });
    const canais = textos.map((_, n) => canalLento(n === textos.length - 1));
    const saidas = canais.map((canal) => abrirSaida(canal));
    saidas.forEach((saida, n) => saida.enviar(textos[n]!));
    await proximaVolta();
    // De trás para a frente, e cada uma que acaba começa outra.
    for (const [n, canal] of [...canais.entries()].reverse()) {
      canal.acabar();
      await proximaVolta();
      saidas[n]!.enviar(`depois ${textos[n]}`);
      await proximaVolta();
    }
    canais.forEach((canal) => canal.acabar());
    await Promise.all(saidas.map((saida) => saida.esvaziar()));
    for (const [n, { recebido }] of canais.entries()) {
      const primeira = `${textos[n]}\n`;
      const caiu = n === textos.length - 1;
      assertEquals(recebido, caiu ? [primeira] : [primeira, `depois ${primeira}`]);
    }
  }
});

Deno.test("abrirSaida() escreve uma fila enorme aos pedaços", async () => {
  const canal = canalQueGuarda();
  const saida = abrirSaida(canal);
  const linhas = Array.from({ length: 10 }, (_, n) => String(n).repeat(100 * 1024));
  for (const linha of linhas) saida.enviar(linha);
  await saida.esvaziar();
  assert(canal.escritas.join("") === linhas.join("\n") + "\n", "as linhas não saíram como eram");
  assertEquals(canal.escritas.length, linhas.length);
  assertEquals(saida.fila, 0);
});

Deno.test("abrirSaida() avisa uma vez que o canal falhou, e depois nada guarda", async () => {
  const erros: unknown[] = [];
  const saida = abrirSaida({ write: () => Promise.reject(new Error("caiu")) }, {
    aoFalhar: (erro) => erros.push((erro as Error).message),
  });
  saida.enviar("um");
  await saida.esvaziar();
  saida.enviar("dois");
  await saida.esvaziar();
  assertEquals([erros, saida.fila], [["caiu"], 0]);
});
