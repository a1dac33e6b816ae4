/**
 * Uma corrida da bancada de ataque: aquece, mede, ataca, mede de novo, e confere tudo.
 *
 * @module
 */

import { Fio, iniciarTresProgramas, portasLivres } from "../apoio.ts";
import { pausar } from "../falhas/acaso.ts";
import { Cliente } from "../../cliente.ts";
import { CANARIO, GORDA, GORDO, SESSOES } from "./comum.ts";
import { FASES } from "./fases.ts";
import { fuzz } from "./fuzz.ts";
import { memorias, memoriaViva } from "./medidas.ts";
import { Normal } from "./normal.ts";
import type { Janela, Memoria, Plano, Relatorio } from "./relatorio.ts";
import { conferirTabelas } from "./tabelas.ts";

/** O que se promete da memória e do p99 do cliente normal, e o repouso antes de medir a memória. */
const MEMORIA_MAX = 1.2;
const P99_MAX = 5;
const REPOUSO_MS = 20_000;

/** O que um servidor pode dizer em stderr durante o ataque, e o que o inspetor diz. */
const AVISOS_CONHECIDOS =
  /^Aviso: (sem o líder, tentando de novo: .*|\d+ linhas não foram mostradas: a console não era lida)$|^(Pronto: |Em dia com o líder |127\.0\.0\.1:\d+ está em dia)|^Debugger |^Visit chrome:/;

/** Pedidos válidos de todo tamanho, por algumas conexões ao mesmo tempo. */
async function usarTudo(endereco: string): Promise<void> {
  await Promise.all(Array.from({ length: SESSOES }, async () => {
    await using fio = await Fio.abrir(endereco);
    for (let n = 0; n < 10; n++) {
      await fio.pedir({ tipo: "PUT", id: n, key: GORDA, value: GORDO });
      await fio.pedir({ tipo: "GET", id: n, key: GORDA });
      const lote = Array.from({ length: 10_000 }, (_, id) => ({ tipo: "PULSE", id }));
      await fio.enviar(lote);
      await fio.receberVarias(lote.length);
    }
  }));
}

/** Faz uma corrida e a verifica. */
export async function correr(plano: Plano): Promise<Relatorio> {
  const contas = {
    entradas: new Map<string, number>(),
    respostas: new Map<string, number>(),
    sessoes: new Map<string, number>(),
  };
  const quebras: string[] = [];
  const excessos: string[] = [];
  const fases: (Janela & { nome: string })[] = [];
  const opcoes = plano.silencioso ? ["--silencioso"] : [];
  const inspetores = plano.segundos > 0 ? portasLivres(3) : [];
  await using tres = await iniciarTresProgramas(
    { 0: opcoes, 1: opcoes, 2: opcoes },
    inspetores.map((porta) => [`--inspect=127.0.0.1:${porta}`]),
  );
  const { programas, enderecos } = tres;
  // O que mostram não cabe todo na memória.
  const pico = [0, 0, 0];
  let observando = true;
  const observar = async () => {
    while (observando) {
      for (const programa of programas) programa.saida = "";
      for (const [n, mib] of (await memorias(programas)).entries()) {
        pico[n] = Math.max(pico[n]!, mib);
      }
      await pausar(250);
    }
  };
  const observador = observar();
  await using _observador = {
    [Symbol.asyncDispose]() {
      observando = false;
      return observador;
    },
  };
  {
    await using cliente = new Cliente(enderecos);
    for (const [key, value] of CANARIO) await cliente.put(key, value);
  }

  using normal = new Normal(enderecos);
  const fase = async (nome: string, agressor: () => Promise<unknown>) => {
    await normal.janela();
    try {
      await agressor();
    } catch (erro) {
      quebras.push(`${nome}: ${(erro as Error).message}`);
    }
    const janela = await normal.janela();
    fases.push({ nome, ...janela });
    quebras.push(...janela.quebras.slice(0, 5).map((quebra) => `${nome}: ${quebra}`));
    if (janela.operacoes === 0) quebras.push(`${nome}: o cliente normal parou`);
    return janela;
  };

  // Aquecidos pela mesma carga, e por pedidos válidos de todo tamanho, para que o antes e
  // o depois se comparem: o que a primeira linha de 900 KB ou o primeiro lote ocupam não é do ataque.
  if (plano.segundos > 0) {
    await Promise.all(enderecos.map(usarTudo));
    await pausar(Math.max(5, plano.segundos) * 1_000);
  }
  await fase("sozinho", () => pausar(Math.max(0.5, plano.segundos) * 1_000));
  // A memória, sempre medida em repouso: com pedidos a chegar, o V8 guarda o lixo para depois.
  const memoria = programas.map(() => [] as Memoria[]);
  const medirEmRepouso = async (quando: string) => {
    if (plano.segundos === 0) return;
    normal.parar(true);
    await pausar(REPOUSO_MS);
    const vivas = await Promise.all(inspetores.map(memoriaViva));
    for (const [n, residente] of (await memorias(programas)).entries()) {
      memoria[n]!.push({ quando, viva: vivas[n]!, residente });
    }
    normal.parar(false);
  };
  await medirEmRepouso("só com a carga normal");
  const escritas = new Set<string>();
  await fase("entradas", async () => {
    quebras.push(...await fuzz(plano, enderecos, contas, escritas));
  });
  await medirEmRepouso("depois das entradas");
  if (plano.segundos > 0) {
    for (const [nome, agressor, promessa] of FASES) {
      await pausar(1_000);
      const sozinho = await fase("sozinho", () => pausar(3_000));
      const { p99 } = await fase(nome, () => agressor(enderecos, plano.segundos));
      for (const tipo of ["put", "get"] as const) {
        const razao = p99[tipo] / sozinho.p99[tipo];
        if (promessa === "prometida" && razao > P99_MAX) {
          excessos.push(
            `${nome}: p99 de ${tipo.toUpperCase()} ${razao.toFixed(1)} vezes o de sozinho`,
          );
        }
      }
    }
  }
  await medirEmRepouso("no fim");
  for (const [n, [normal, ...outras]] of memoria.entries()) {
    for (const medida of outras) {
      for (const qual of ["viva", "residente"] as const) {
        const [agora, antes] = [medida[qual], normal![qual]];
        if (agora <= antes * MEMORIA_MAX) continue;
        const conta = `${agora.toFixed(1)} MiB, de ${antes.toFixed(1)}`;
        excessos.push(`memória ${qual} do servidor ${n + 1}, ${medida.quando}: ${conta}`);
      }
    }
  }
  quebras.push(...(await normal.janela(true)).quebras);
  quebras.push(...await conferirTabelas(enderecos, escritas));
  for (const [n, { acabou, avisos }] of programas.entries()) {
    if (acabou) quebras.push(`o servidor ${n + 1} acabou`);
    const linhas = avisos.split("\n").filter((linha) => linha && !AVISOS_CONHECIDOS.test(linha));
    quebras.push(...linhas.slice(0, 10).map((linha) => `stderr do servidor ${n + 1}: ${linha}`));
  }
  return {
    ...contas,
    memoria: memoria.map((medidas, n) => ({ medidas, pico: pico[n]! })),
    fases,
    quebras,
    excessos,
  };
}
