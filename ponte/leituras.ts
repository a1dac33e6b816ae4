/**
 * Os GETs da ponte: os que esperam juntos vão numa transação, e os da mesma key, numa leitura só.
 *
 * @module
 */

import type { Conexao } from "../lib/conexao.ts";
import { DE_VERDADE } from "../lib/tempo.ts";
import { textoDoErro } from "../lib/texto.ts";
import { CONSOLE, type Corpo, type CorpoDe, LINHA_BYTES_MAX, respostaAoGet } from "../mensagem.ts";
import type { Versao } from "./etcd.ts";
import { OPERACOES_MAX, type Partes } from "./partes.ts";

/** Limites do que se pede ao etcd. */
const LIMITES = {
  /** Transações ao mesmo tempo: as que chegam enquanto isso juntam-se. */
  lendo: 1,
  /** Caracteres que se quer de uma resposta; as keys por transação seguem o tamanho dos values. */
  resposta: 2 * 1024 * 1024,
} as const;

/** Um GET à espera. */
interface Leitura {
  readonly conexao: Conexao;
  readonly pedido: CorpoDe<"GET">;
  readonly vence: number;
}

/** Os GETs de todas as conexões; `imprimir` recebe as linhas da console. */
export function abrirLeituras(
  { etcd, enviar, conexoesDe, imprimir }: Partes & {
    imprimir: ((linha: string) => void) | undefined;
  },
) {
  let espera: Leitura[] = [];
  let pendentes = 0;
  let lendo = 0;
  let marcado = false;
  /** Keys por transação, conforme o tamanho dos values que têm vindo. */
  let quantas = 16;

  function responder({ conexao }: Leitura, resposta: Corpo): void {
    pendentes--;
    enviar(conexao, resposta);
    conexoesDe(conexao).acabar(conexao, 0);
  }

  function responderCom(leitura: Leitura, versao: Versao | undefined, revisao: number): void {
    const { conexao, pedido } = leitura;
    const { id, timestamp } = pedido;
    // Uma key ausente: zero; a quem já a viu, apagada depois disso, a revisão em que não a há.
    const apagada = timestamp > 0 && revisao >= timestamp;
    const meu = versao?.timestamp ?? (apagada ? revisao : 0);
    const value = versao ? versao.value : null;
    const ilegivel = value === undefined
      ? "não é texto UTF-8"
      : (value?.length ?? 0) > LINHA_BYTES_MAX
      ? "não cabe numa linha"
      : "";
    if (ilegivel) {
      const erro = `GET recusado: o value, que outro programa escreveu, ${ilegivel}`;
      return responder(leitura, { tipo: "ERRO", id, erro, definitivo: true });
    }
    const resposta = respostaAoGet(pedido, value!, meu);
    imprimir?.(CONSOLE.get(conexao.endereco, timestamp, resposta));
    responder(leitura, resposta);
  }

  function falhar(leitura: Leitura, motivo: string): void {
    const { id } = leitura.pedido;
    const erro = `GET não respondido: ${motivo}`;
    responder(leitura, { tipo: "ERRO", id, erro, definitivo: true });
  }

  /** Tira os que esperaram demais: mandá-los ler demoraria ainda mais os outros. */
  function tirarVencidos(): void {
    const agora = DE_VERDADE.agora();
    const vencidos = espera.filter(({ vence }) => vence <= agora);
    if (vencidos.length === 0) return;
    espera = espera.filter(({ vence }) => vence > agora);
    for (const leitura of vencidos) falhar(leitura, "o etcd não respondeu no prazo");
  }

  function escoar(): void {
    tirarVencidos();
    while (lendo < LIMITES.lendo && espera.length > 0) {
      const porKey = new Map<string, Leitura[]>();
      let n = 0;
      for (; n < espera.length; n++) {
        const { key } = espera[n]!.pedido;
        const iguais = porKey.get(key);
        if (iguais) iguais.push(espera[n]!);
        else if (porKey.size === quantas) break;
        else porKey.set(key, [espera[n]!]);
      }
      espera = espera.slice(n);
      ler(porKey);
    }
  }

  async function ler(porKey: ReadonlyMap<string, readonly Leitura[]>): Promise<void> {
    lendo++;
    const grupos = [...porKey.values()];
    const vence = Math.min(...grupos.flat().map(({ vence }) => vence));
    try {
      const prazo = Math.max(1, vence - DE_VERDADE.agora());
      const { revisao, versoes } = await etcd.ler([...porKey.keys()], prazo);
      const caracteres = versoes.reduce((soma, v) => soma + (v?.value?.length ?? 0), 0);
      const media = Math.max(1, caracteres / versoes.length);
      quantas = Math.max(1, Math.min(OPERACOES_MAX, Math.floor(LIMITES.resposta / media)));
      grupos.forEach((grupo, n) => {
        for (const leitura of grupo) responderCom(leitura, versoes[n], revisao);
      });
    } catch (erro) {
      for (const leitura of grupos.flat()) falhar(leitura, textoDoErro(erro));
    }
    lendo--;
    escoar();
  }

  return {
    semResposta: () => pendentes,
    receber(leitura: Leitura): void {
      pendentes++;
      conexoesDe(leitura.conexao).comecar(leitura.conexao, 0);
      espera.push(leitura);
      if (marcado) return;
      marcado = true;
      DE_VERDADE.aSeguir(() => {
        marcado = false;
        escoar();
      });
    },
  };
}
